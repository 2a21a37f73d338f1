/** `cxflow suppressions`, with a real ledger. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Session } from '../../src/cli/cli.ts';
import { run } from '../../src/cli/main.ts';
import { CHANNELS } from '../../src/domain/consent/eligibility.ts';
import { openDatabase } from '../../src/ledger/database.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { newFolder } from '../harness/folders.ts';
import { freshDatabase } from '../harness/fresh.ts';
import { all, ledgerOfFile, newContact, someId } from '../ledger/harness.ts';
import { fakeCli, sink } from './fakes.ts';

const opened = ledgerOfFile();
const list = () => opened().ledger.suppressions;
const newMailbox = () => `${someId('ann')}@example.com`;

async function suppressions(args: readonly string[], ledger = opened().ledger) {
  const cli = fakeCli({ ledger, config: { sourceLimits: {} } as Session['config'] });
  const code = await run(['suppressions', ...args], cli);
  return { code, out: cli.out(), err: cli.err() };
}

async function fileWith(name: string, text: string): Promise<string> {
  const path = join(await newFolder(), name);
  writeFileSync(path, text);
  return path;
}

describe('suppressions add and remove', () => {
  it('suppress an address on every channel, and take it off again, with the reasons in the audit', async () => {
    const mailbox = newMailbox();
    const added = await suppressions(['add', ` ${mailbox.toUpperCase()}`, '--reason', 'asked by phone']);
    expect(added).toMatchObject({ code: 0, err: '' });
    expect(added.out).toContain('this email address, on email, sms, voice, webchat:\n4 entries added');
    expect(await list().findAddresses([mailbox])).toMatchObject([{ reason: 'asked by phone' }]);

    const removed = await suppressions(['remove', mailbox, '--reason', 'a mistake', '--by', 'sam']);
    expect(removed.code).toBe(0);
    expect(removed.out.match(/taken off the list: asked by phone on /g)).toHaveLength(4);
    expect(await list().findAddresses([mailbox])).toEqual([]);

    const shown = await suppressions(['list', mailbox]);
    expect(shown.out).toMatch(/this email address is not on the list\ntaken off the list on .* by sam/);
    const history = await suppressions(['list', mailbox, '--removed']);
    expect(history.out).toMatch(/email +webchat +asked by phone +sam +a mistake/);

    const { ledger } = opened();
    await ledger.audit.seal();
    const audited = await all(ledger.audit.list('suppressions'));
    expect(audited.map(({ action }) => action)).toEqual([
      'suppressions_added',
      ...CHANNELS.map(() => 'suppression_removed'),
    ]);
    expect(audited[0]?.data).toMatchObject({ added: 4, by: 'dana', reason: 'asked by phone' });
    expect(JSON.stringify(audited)).not.toContain('example.com');
  });

  it('know an address, a number and a contact id apart, in any spelling', async () => {
    const person = newContact();
    await suppressions(['add', '+1 (415) 555-0188', '--channel', 'sms,voice', '--reason', 'texted STOP']);
    await suppressions(['add', `{${person.toUpperCase()}}`, '--channel', 'voice', '--reason', 'asked']);
    expect(await list().find(['+14155550188', person], ['voice'])).toHaveLength(2);
    expect(await list().find(['+14155550188'], ['email', 'webchat'])).toEqual([]);
  });

  it('a removal names the reason that no longer holds if there are several', async () => {
    const mailbox = newMailbox();
    await suppressions(['add', mailbox, '--reason', 'hard_bounce', '--code', '5.1.1']);
    await suppressions(['add', mailbox, '--channel', 'email', '--reason', 'complaint']);
    const unclear = await suppressions(['remove', mailbox, '--reason', 'it works']);
    expect(unclear.code).toBe(2);
    expect(unclear.err).toMatch(/several reasons \(.*"hard_bounce" on email.*\).*--listed-for/);
    const one = ['remove', mailbox, '--listed-for', 'hard_bounce', '--reason', 'it works', '--json'];
    const { code, out } = await suppressions(one);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      removed: [{ about: 'email', reason: 'hard_bounce', code: '5.1.1' }],
      kept: 0,
    });
    expect(await list().findAddresses([mailbox])).toMatchObject([{ reason: 'complaint' }]);
    expect((await suppressions(one)).code).toBe(0);
  });

  it('an addition that has no effect says why, with exit code 3', async () => {
    const mailbox = newMailbox();
    const add = ['add', mailbox, '--channel', 'email', '--reason', 'asked', '--since', '2026-06-01'];
    await suppressions(add);
    await suppressions(['remove', mailbox, '--reason', 'a mistake']);
    const again = await suppressions(add);
    expect(again.code).toBe(3);
    expect(again.out).toMatch(/1 entry has no effect: it was taken off the list.*\n.*--since/);
    expect((await suppressions(add.with(-1, '2026-06-02'))).code).toBe(0);
    expect(await list().findAddresses([mailbox])).toHaveLength(1);
  });

  it('an objection of somebody who was erased stays, with exit code 3', async () => {
    const person = newContact();
    const erasure = { erasureId: someId('erasure'), contactId: person, requestedBy: null };
    await opened().ledger.erasures.erase({ ...erasure, objectedAt: '2026-06-01T00:00:00.000Z' });
    const { code, out } = await suppressions(['remove', person, '--reason', 'she is back']);
    expect(code).toBe(3);
    expect(out).toMatch(/4 entries kept: the objection of somebody who was erased; a newer consent/);
    expect(await list().find([person], ['email'])).toHaveLength(1);
  });

  it.each([
    [['add', 'ann@@example.com', '--reason', 'r'], /email is not an email address: it has more than one @/],
    [['add', '+1415', '--reason', 'r'], /phone is not one possible number/],
    [['add', '0171 2345678', '--reason', 'r'], /a phone number needs its country code: write it as \+ and/],
    [['remove', '(415) 555-0101', '--reason', 'r'], /a phone number needs its country code/],
    [['list', '415-555-0101'], /a phone number needs its country code/],
    [['add', '#N/A', '--reason', 'r'], /contactId the error value of a spreadsheet/],
    [['add', 'ann@example.com'], /required option '--reason <text>'/],
    [['add', 'ann@example.com', '--reason', ' '], /--reason is empty/],
    [['add', 'c1', '--reason', 'ann@example.com asked'], /--reason must not have an address or a number/],
    [['add', 'c1', '--reason', 'hard_bounce'], /hard_bounce is for email addresses/],
    [['add', 'c1', '--reason', 'erased'], /use erase instead/],
    [['add', 'c1', '--reason', 'r', '--channel', 'fax'], /channel must be all, or some of email, sms/],
    [['add', 'c1', '--reason', 'r', '--since', 'yesterday'], /since must be a date, such as/],
    [['add', 'c1', '--reason', 'r', '--since', '2999-01-01'], /since must not be in the future/],
    [['remove', 'c1'], /required option '--reason <text>'/],
    [['list', '--since', 'June'], /--since must be a date, such as/],
    [['export'], /required option '--out <file>'/],
  ])('refuse %j, and add nothing', async (args, message) => {
    const before = await list().count({});
    const { code, err } = await suppressions(args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(await list().count({})).toBe(before);
  });
});

describe('suppressions list', () => {
  it('fits into 80 columns, says what it leaves out, and prints one JSON document', async () => {
    const reason = 'a reason that is far too long for the column that it stands in';
    for (const _ of [1, 2, 3])
      await suppressions(['add', newMailbox(), '--channel', 'email', '--reason', reason, '--code', 'r.1']);
    const { stream, text } = sink({ isTTY: true, columns: 80 });
    const cli = { ...fakeCli({ ledger: opened().ledger }), stdout: stream };
    expect(await run(['suppressions', 'list', '--reason', reason, '--limit', '2'], cli)).toBe(0);
    // The command of the next page stays whole, so that it can be copied.
    const [table = ''] = text().split('\n\n');
    expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text()).toMatch(/email +email +a reason that is far to… +r\.1 +dana\n/);
    expect(text()).toContain('1 older entry is not shown');
    const json = await suppressions(['list', '--reason', reason, '--limit', '2', '--json']);
    const { entries, total } = JSON.parse(json.out) as { entries: object[]; total: number };
    expect([entries.length, total]).toEqual([2, 3]);
    expect(entries[0]).toMatchObject({ about: 'email', channel: 'email', addedBy: 'dana', runId: null });
  });
});

describe('suppressions import', () => {
  it('adds everybody whom a row names, on each of its channels, from any format', async () => {
    const [first, second, third] = [newMailbox(), newMailbox(), newMailbox()];
    const csv = await fileWith(
      'old.csv',
      `E-mail Address;Phone 2;Country;Channel;Since\n${first};(415) 555-0171;US;sms, voice;2026-05-01\n`,
    );
    expect(
      await suppressions(['import', csv, '--reason', 'old system', '--map', 'email=E-mail Address']),
    ).toMatchObject({
      code: 0,
      out: '4 entries added\n',
    });
    expect(await list().find([first, '+14155550171'], ['sms'])).toMatchObject([
      { since: new Date('2026-05-01') },
      { since: new Date('2026-05-01') },
    ]);
    const rows = [
      { email: second, reason: 'hard_bounce', code: '5.1.10' },
      { emailAddress: third, channel: 'email', contactId: 4711 },
    ];
    const ndjson = await fileWith('old.ndjson', rows.map((row) => JSON.stringify(row)).join('\n'));
    const json = await suppressions(['import', ndjson, '--json']);
    expect(JSON.parse(json.out)).toEqual({ added: 3, renewed: 0, unchanged: 0, ineffective: 0 });
    expect(await list().findAddresses([second])).toMatchObject([{ reason: 'hard_bounce', code: '5.1.10' }]);
    expect(await list().find(['4711'], ['email'])).toMatchObject([{ contactId: '4711' }]);
    const again = await suppressions(['import', await fileWith('old.json', JSON.stringify(rows))]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.out).toMatch(/^0 entries added, (3 renewed with a later date|.*)\n$/);
  });

  it('shows every problem with its line and no value, and adds nothing', async () => {
    const good = newMailbox();
    const file = await fileWith(
      'bad.csv',
      [
        'email,phone,channel,since,reason',
        `${good},,,,`,
        'ann@exam ple.com,0170 1234567,fax,yesterday,call +14155550101',
        ',,sms,,',
        `${good},x`,
      ].join('\n'),
    );
    const { code, err } = await suppressions(['import', file]);
    expect(code).toBe(2);
    expect(err.split('\n').map((line) => line.replace(/^ +- /, ''))).toEqual([
      'cxflow: there are 7 problems:',
      'line 3: email has a blank (U+0020)',
      'line 3: phone is not one possible number with its country code, such as +14155550101',
      'line 3: channel must be all, or some of email, sms, voice, webchat',
      'line 3: reason must not have an address or a number: it is kept after an erasure',
      'line 3: since must be a date, such as 2026-11-01 or 2026-11-01T09:15:00Z',
      'line 4: names nobody: it needs an email, a phone, a contactId, or the entry of an export',
      expect.stringMatching(/^line 5: /),
      '  → nothing was added: 3 of 4 rows cannot be read. Correct them, and import the file again',
      '',
    ]);
    expect(await list().findAddresses([good])).toEqual([]);
  });

  it('refuses a header that names nobody, or a column that would be overlooked', async () => {
    const nobody = await suppressions(['import', await fileWith('nobody.csv', 'name,channel\nAnn,sms\n')]);
    expect(nobody.err).toContain('No column says who must not be called');
    const overlooked = await suppressions([
      'import',
      await fileWith('o.csv', 'email,mobile\na@example.com,1\n'),
    ]);
    expect([overlooked.code, overlooked.err]).toEqual([2, expect.stringContaining('"mobile"')]);
  });

  it('shows at most a hundred rows of a file that is wrong throughout', async () => {
    const file = await fileWith('wrong.csv', `email\n${'x\n'.repeat(2_500)}`);
    const { err } = await suppressions(['import', file]);
    expect(err).toContain('2,500 of 2,500 rows cannot be read; the first 100 are shown');
    expect(err.split('\n').length).toBeLessThan(110);
  });
});

describe('suppressions export', () => {
  it('then import gives the same list again, in every format (property)', async () => {
    const url = await freshDatabase();
    const ledger = openLedger(url, 4);
    await ledger.migrate();
    const since = fc.date({ min: new Date('1990-01-01'), max: new Date('2026-01-01'), noInvalidDate: true });
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter(
        (each) =>
          !/[@+]/.test(each) && each.trim() === each && /^[^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+$/u.test(each),
      );
    const entry = fc.record({
      kind: fc.constantFrom('contact', 'email', 'phone'),
      value: fc.uuid(),
      channel: fc.constantFrom(...CHANNELS),
      reason: fc.oneof(text, fc.constantFrom('complaint', '=1-1', '@home', "'=x", 'a;b,"c"')),
      code: fc.option(fc.constantFrom('5.1.1', '5.2.1')),
      since: since.map((date) => date.toISOString()),
    });
    const folder = await newFolder();
    await fc
      .assert(
        fc.asyncProperty(
          fc.array(entry, { maxLength: 8 }),
          fc.constantFrom('csv', 'xlsx', 'ndjson', 'json'),
          async (entries, format) => {
            await ledger.suppressions.addEntries(
              [entries.map(({ kind, value, ...rest }) => ({ target: { kind, value } as const, ...rest }))],
              { by: 'dana' },
            );
            const file = join(folder, `list.${format}`);
            expect(await suppressions(['export', '--out', file], ledger)).toMatchObject({ code: 0 });
            const before = await all(ledger.suppressions.all({}));
            await deleteAll(url);
            const imported = await suppressions(['import', file], ledger);
            if (before.length === 0) {
              expect(imported.err).toMatch(/no row|is empty/);
              return;
            }
            expect(imported).toMatchObject({ code: 0, err: '' });
            expect(await all(ledger.suppressions.all({}))).toEqual(before);
            await deleteAll(url);
          },
        ),
        {
          numRuns: 30,
          examples: [
            [[], 'csv'],
            [[], 'xlsx'],
            [[], 'ndjson'],
            [[], 'json'],
          ],
        },
      )
      .finally(() => ledger.close());
  });

  it('keeps the objections of erased people effective, and is refused by another ledger', async () => {
    const { database } = opened();
    const person = newContact();
    const erasure = { erasureId: someId('erasure'), contactId: person, requestedBy: null };
    await opened().ledger.erasures.erase({ ...erasure, objectedAt: '2026-06-01T00:00:00.000Z' });
    const file = join(await newFolder(), 'erased.csv');
    expect((await suppressions(['export', '--out', file, '--reason', 'erased'])).out).toContain('→');
    expect(readFileSync(file, 'utf8')).not.toContain(person);
    await sql`delete from suppressions`.execute(database.db);
    expect((await suppressions(['import', file])).code).toBe(0);
    expect(await list().find([person], ['voice'])).toHaveLength(1);

    const other = openLedger(await freshDatabase(), 2);
    await other.migrate();
    const refused = await suppressions(['import', file], other);
    await other.close();
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(
      /line 2: entry is from another ledger or was made with another CXFLOW_PEPPER/,
    );
  });
});

async function deleteAll(url: string): Promise<void> {
  const database = openDatabase(url, 1);
  await sql`delete from suppressions`.execute(database.db);
  await database.close();
}
