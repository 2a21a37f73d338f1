import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { type FakeState, fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cxflow-email-send-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function messageFile(content: object): Promise<string> {
  const path = join(folder, 'message.json');
  await writeFile(path, JSON.stringify(content));
  return path;
}

const MESSAGE = {
  subject: 'Hi {{firstName}}',
  templateId: '3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23',
  senderAddress: 'news@example.com',
  mergeFields: [
    { name: 'firstName', fallback: 'there' },
    { name: 'plan', fallback: null },
  ],
};
const RECIPIENTS = [{ toAddress: 'ann@example.com', mergeFields: { firstName: 'Ann', plan: 'gold' } }];
type Emails = NonNullable<FakeState['emails']>;
type Staged = NonNullable<FakeState['staged']>;

const SEND = ['email', 'send'];
const FROM_FILE = ['--recipients', 'people.csv', '--detach'];

describe('email send', () => {
  it('passes every option on as the input field of the same name', async () => {
    const emails: Emails = [];
    const options = [
      ...['--id', 'r7', '--channel-consent', 'require', '--policy', 'strict', '--dry-run', '--again'],
      ...['--send-at', '2026-12-01T09:00 Europe/Berlin', '--send-before', '2026-12-01T20:00Z'],
      ...['--canary', '5%', '--canary-wait', '2h', '--retry-after', '3h', '--retries', '1'],
      ...['--poll-deadline', '12h', '--watch-events', '72h', '--notify', 'run', '--on-in-doubt', 'leave'],
      ...['--approval', '--requested-by', 'sam'],
    ];
    const path = await messageFile(MESSAGE);
    expect(await run([...SEND, path, ...FROM_FILE, ...options], fakeCli(fakeSession({ emails })))).toBe(0);
    expect(emails).toEqual([
      {
        options: { runId: 'r7' },
        input: {
          message: MESSAGE,
          source: { dataset: 'ds_1' },
          channelConsent: 'require',
          policy: 'strict',
          sendAt: '2026-12-01T09:00 Europe/Berlin',
          sendBefore: '2026-12-01T20:00Z',
          canary: 5,
          canaryWait: '2h',
          retryAfter: '3h',
          retries: 1,
          pollDeadline: '12h',
          watchEvents: '72h',
          notify: 'run',
          onInDoubt: 'leave',
          approval: true,
          dryRun: true,
          again: true,
          requestedBy: 'sam',
        },
      },
    ]);
  });

  it('leaves the defaults to the contract', async () => {
    const emails: Emails = [];
    const path = await messageFile({ ...MESSAGE, mergeFields: ['firstName|there', 'plan'] });
    await run([...SEND, path, ...FROM_FILE], fakeCli(fakeSession({ emails })));
    expect(emails[0]?.input).toEqual({
      message: MESSAGE,
      source: { dataset: 'ds_1' },
      requestedBy: 'dana',
    });
  });

  it('names every problem of the message with file and position, and stages nothing', async () => {
    const staged: Staged = [];
    const path = await messageFile({ ...MESSAGE, subject: '', templateId: 'x', sender: 'a@example.com' });
    const cli = fakeCli(fakeSession({ staged }));
    expect(await run([...SEND, path, ...FROM_FILE], cli)).toBe(2);
    expect(cli.err()).toContain('there are 3 problems');
    for (const position of ['message.subject', 'message.templateId', 'message.sender'])
      expect(cli.err()).toContain(`${path}: ${position} `);
    expect(staged).toEqual([]);
  });

  it('checks the columns by the message of this very run', async () => {
    const staged: Staged = [];
    const path = await messageFile({ ...MESSAGE, mergeFields: ['firstName|there', 'plan'] });
    await run([...SEND, path, ...FROM_FILE], fakeCli(fakeSession({ staged })));
    const problems = (columns: readonly string[] | null, map = {}) =>
      staged[0]?.columnProblems?.(columns, map);
    expect(problems(['email', 'Plan'])).toEqual([]);
    expect(problems(['email', 'plam'])).toEqual([
      expect.stringMatching(/^\{\{plan\}\} is in no column; the columns are "email", "plam"\./),
    ]);
    expect(problems(['email', 'tarif'], { plan: 'tarif' })).toEqual([]);
    expect(problems(null)).toEqual([]);
  });

  it('checks that some row of NDJSON or JSON has each declared field', async () => {
    const staged: Staged = [];
    const path = await messageFile(MESSAGE);
    await run([...SEND, path, ...FROM_FILE], fakeCli(fakeSession({ staged })));
    const { note, problems } = staged[0]?.rowsCheck ?? {};
    note?.({ email: 'ann@example.com', plam: 'gold' });
    expect(problems?.()).toEqual([
      '{{plan}} is in no row, but there is "plam". Correct the name, name the key that has it (--map "plan"="your key"), ' +
        'or give the field a fallback in mergeFields',
    ]);
    note?.({ email: 'bob@example.com', mergeFields: { Plan: '' } });
    expect(problems?.()).toEqual([]);
  });

  it('stages the recipients that are in the message, with a map for them', async () => {
    const [emails, rows]: [Emails, object[]] = [[], []];
    const path = await messageFile({ ...MESSAGE, recipients: RECIPIENTS });
    const cli = fakeCli(fakeSession({ emails, rows }));
    expect(await run([...SEND, path, '--map', 'plan=tarif', '--detach'], cli)).toBe(0);
    expect(rows).toEqual(RECIPIENTS);
    expect(cli.out()).toContain('1 recipient');
    expect(emails[0]?.input).toMatchObject({
      message: MESSAGE,
      source: { dataset: 'ds_1', map: { plan: 'tarif' } },
    });
    expect(emails[0]?.input.message).not.toHaveProperty('recipients');
  });

  it('refuses a merge field that no recipient in the message has', async () => {
    const [emails, rows]: [Emails, object[]] = [[], []];
    const recipients = [{ toAddress: 'ann@example.com', mergeFields: { plam: 'gold' } }];
    const cli = fakeCli(fakeSession({ emails, rows }));
    const path = await messageFile({ ...MESSAGE, recipients });
    expect(await run([...SEND, path, '--detach'], cli)).toBe(2);
    expect(cli.err()).toContain('{{plan}}');
    expect([...emails, ...rows]).toEqual([]);
  });

  it('takes recipients from one place only, and says what is missing', async () => {
    const errorOf = async (message: object | null, ...options: string[]) => {
      const cli = fakeCli(fakeSession({}));
      const file = message === null ? [] : [await messageFile(message)];
      expect(await run([...SEND, ...file, ...options], cli)).toBe(2);
      return cli.err();
    };
    const inside = { ...MESSAGE, recipients: RECIPIENTS };
    expect(await errorOf(null)).toContain('give the message');
    expect(await errorOf(MESSAGE)).toContain('add --recipients FILE');
    expect(await errorOf(inside, '--recipients', 'p.csv')).toContain(
      'the recipients in the message and --recipients exclude each other',
    );
    expect(await errorOf(MESSAGE, '--recipients', 'p.csv', '--retry-of', 'r0')).toContain(
      'exclude each other',
    );
    for (const option of [
      ['--format', 'csv'],
      ['--sheet', '2'],
    ])
      expect(await errorOf(inside, ...option)).toContain('apply to the FILE of --recipients');
    expect(await errorOf(MESSAGE, '--retry-of', 'r0', '--map', 'a=b')).toContain(
      'a retry reads its rows as before',
    );
  });

  it('retries with the message and the options of the earlier run, unless others are given', async () => {
    const emails: Emails = [];
    const input = {
      message: MESSAGE,
      ...{ channelConsent: 'require', policy: 'strict', retries: 0, watchEvents: '72h' },
      ...{ canary: 5, sendAt: '2026-12-01T20:00Z', approval: true },
    };
    const session = () => fakeSession({ emails, run: finished({ kind: 'emailSend', input }) });
    const retry = [...SEND, '--retry-of', 'r0', '--detach'];
    expect(await run(retry, fakeCli(session()))).toBe(0);
    expect(await run([...retry, '--channel-consent', 'ignore', '--retries', '1'], fakeCli(session()))).toBe(
      0,
    );
    const source = { retryOf: 'r0' };
    const kept = { message: MESSAGE, source, watchEvents: '72h', requestedBy: 'dana' };
    expect(emails.map((email) => email.input)).toEqual([
      { ...kept, channelConsent: 'require', policy: 'strict', retries: 0 },
      { ...kept, channelConsent: 'ignore', retries: 1 },
    ]);
    const other = fakeCli(fakeSession({ run: finished({ kind: 'contactImport' }) }));
    expect(await run(retry, other)).toBe(2);
    expect(other.err()).toContain('no email send');
  });

  it('says which moment is meant where the clocks show it twice or never', async () => {
    const path = await messageFile(MESSAGE);
    const printed = async (...options: string[]) => {
      const cli = fakeCli(fakeSession({}));
      const code = await run([...SEND, path, ...FROM_FILE, ...options], cli);
      return { code, text: cli.out() + cli.err() };
    };
    expect((await printed('--send-at', '2026-10-25T02:30 Europe/Berlin')).text).toContain(
      'show this time twice',
    );
    expect((await printed('--send-at', '2026-03-29T02:30 Europe/Berlin')).text).toContain(
      'never show this time',
    );
    expect((await printed('--send-at', '2026-12-01T09:00')).text).toMatch(
      /--send-at .* says no time zone; write e\.g\./,
    );
    const late = new Date(Date.now() + 367 * 24 * 60 * 60_000).toISOString();
    expect((await printed('--send-at', late)).text).toContain('is more than 366 days from now');
    expect((await printed('--send-before', late)).text).not.toContain('366 days');
    expect(await printed('--send-before', 'tomorrow')).toMatchObject({ code: 2 });
  });

  it.each(['0%', '51', '2.5%', 'all'])('refuses a canary of %s', async (share) => {
    const cli = fakeCli(fakeSession({}));
    const path = await messageFile(MESSAGE);
    expect(await run([...SEND, path, ...FROM_FILE, '--canary', share], cli)).toBe(2);
    expect(cli.err()).toContain('whole number of percent from 1 to 50');
  });
});
