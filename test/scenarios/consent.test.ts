/** Consent through the real command line: preferences are updated, checked, proved and erased. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Eligibility, EligibilityListResult, ErasureResult } from '../../src/contract/consent.ts';
import type { PreferenceItem } from '../../src/cxone/preferences.ts';
import { signal } from '../../src/stack/processes.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { csv, rowAt, rows } from './contacts.ts';
import { endOf, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const guid = (n: number): string => `a1b2c3d4-e5f6-7890-abcd-${String(n).padStart(12, '0')}`;

/** A stored preference: contact n opted in to email on 1 January 2026. */
function stored(n: number, over: Partial<PreferenceItem> = {}): PreferenceItem {
  return {
    contactId: guid(n),
    channel: 'email',
    optIn: true,
    consentTimestamp: '2026-01-01T00:00:00.000Z',
    withdrawalTimestamp: null,
    regulatoryRegion: 'GDPR',
    source: 'seed',
    idempotencyKey: `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`,
    updatedAt: '2026-01-01T00:00:00.000Z',
    ...over,
  };
}
const OPTED_OUT = { optIn: false, withdrawalTimestamp: '2026-02-01T00:00:00.000Z' };

it('`preferences check` prints whether contacts may be reached, and finds nobody eligible without an answer', async () => {
  await onStand({}, async (stand) => {
    await stand.admin.seedPreferences([
      stored(1),
      stored(2, OPTED_OUT),
      stored(3, { consentTimestamp: '2018-05-25T00:00:00.000Z' }),
      stored(4, { consentTimestamp: '2018-05-24T23:59:59.999Z' }),
      stored(5, { withdrawalTimestamp: '2026-01-01T00:00:00.000Z' }),
      stored(6, { regulatoryRegion: 'CCPA', ...OPTED_OUT }),
    ]);
    const reasons = [
      [1, 'compliant'],
      [2, 'explicit_opt_out'],
      [3, 'compliant'],
      [4, 'gdpr_consent_insufficient'],
      [5, 'withdrawal_supersedes_consent'],
      [6, 'ccpa_sale_opt_out'],
      [7, 'no_consent_on_record'],
    ] as const;
    for (const [n, reason] of reasons.slice(0, 2)) await expectAnswer(stand, n, reason);
    // The rest through the client, which the command uses too, because a process for each would take a minute.
    for (const [n, reason] of reasons.slice(2))
      expect(await stand.client.checkEligibility({ contactId: guid(n), channel: 'email' })).toMatchObject({
        eligible: reason === 'compliant',
        reason,
      });
    const strict = await stand.client.checkEligibility({
      contactId: guid(3),
      channel: 'email',
      policy: 'strict',
    });
    expect(strict).toMatchObject({ eligible: false, reason: 'consent_expired', policy: 'strict' });
    const wrong = await stand.cxflow(['preferences', 'check', '--contact', 'a/b', '--channel', 'email']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('--contact') as string]);
    await checkFile(stand);
    await interruptCheck(stand);
  });
});

async function expectAnswer(stand: Stand, n: number, reason: string): Promise<void> {
  const isFine = reason === 'compliant';
  const args = ['preferences', 'check', '--contact', guid(n), '--channel', 'email'];
  const { code, document } = await stand.json<Eligibility>(args);
  expect({ code, document }).toMatchObject({
    code: isFine ? 0 : 3,
    document: {
      eligible: isFine,
      reason,
      ruleVersion: expect.any(String) as string,
      facts: { channel: 'email' },
    },
  });
}

/** Checks a file that has a row without a valid id, during a short outage. Every row ends in one of the two result files. */
async function checkFile(stand: Stand): Promise<void> {
  await stand.admin.setFaults([
    { match: { family: 'preferences' }, after: 2, times: 3, fault: { status: 503 } },
  ]);
  const lines = [1, 2, 3, 7].map((n) => `${guid(n)},"=1+1"`);
  stand.file('audience.csv', `contact id,note\n${lines.join('\n')}\ncrm-1,x\n`);
  const args = ['preferences', 'check', 'audience.csv', '--channel', 'email'];
  const { code, document } = await stand.json<EligibilityListResult & { files: Record<string, string> }>(
    args,
  );
  // Exit code 3, because `crm-1` could not be looked up.
  expect({ code, document }).toMatchObject({
    code: 3,
    document: {
      eligible: 2,
      ineligible: { explicit_opt_out: 1, no_consent_on_record: 1, no_contact_id: 1 },
      files: {
        eligible: join(stand.folder, 'audience.eligible.csv'),
        ineligible: join(stand.folder, 'audience.ineligible.csv'),
      },
    },
  });
  const read = (name: string) => readFileSync(join(stand.folder, name), 'utf8');
  expect(read('audience.eligible.csv')).toBe(
    `contact id,note,cxflow_line,cxflow_outcome,cxflow_reasons\n` +
      [1, 3].map((n, i) => `${guid(n)},'=1+1,${2 + 2 * i},eligible,compliant\n`).join(''),
  );
  expect(read('audience.ineligible.csv')).toContain('crm-1,x,6,ineligible,no_contact_id');
  expect(statSync(join(stand.folder, 'audience.eligible.csv')).mode & 0o777).toBe(0o600);
}

/** Ctrl-C cancels the check: nobody would read its result, and it would use up rate budget. */
async function interruptCheck(stand: Stand): Promise<void> {
  const countLookups = async () => {
    const { requests } = await stand.admin.stats();
    return Object.values(requests['GET /api/v2/preferences'] ?? {}).reduce((sum, n) => sum + n, 0);
  };
  await stand.admin.change({ latencyMs: 100 });
  const ids = Array.from({ length: 3_000 }, (_, n) => guid(n + 1_000));
  stand.file('many.csv', `contactId\n${ids.join('\n')}\n`);
  const before = await countLookups();
  const terminal = stand.start(['preferences', 'check', 'many.csv', '--channel', 'sms']);
  await until(countLookups, (n) => n > before + 50);
  signal(terminal.pid, 'SIGINT');
  const ended = await endOf(terminal);
  expect({ code: ended.code, stdout: ended.stdout }, ended.stderr).toEqual({
    code: 4,
    stdout: expect.stringContaining('cancelled, and no file was written') as string,
  });
  expect(existsSync(join(stand.folder, 'many.eligible.csv'))).toBe(false);
  expect((await countLookups()) - before).toBeLessThan(3_000);
  await stand.admin.change({ latencyMs: 0 });
}

/** A file with the columns of the preferences tutorial. */
const PREFERENCES = `contactId,channel,optIn,consentTimestamp,withdrawalTimestamp,regulatoryRegion,source
${guid(21)},email,true,2026-01-05T10:00:00+01:00,,GDPR,web-form
${guid(22)},sms,false,2025-05-01T00:00:00Z,2026-01-06T00:00:00Z,TCPA,unsubscribe
${guid(23)},email,true,2026-01-01T00:00:00Z,,NONE,late-form
${guid(24)},fax,true,,,EU,x
${guid(25)},email,false,,2026-01-07T00:00:00Z,GDPR,letter
`;

it('`preferences update` sends preferences, `preferences history` proves it, and `erase` removes the data subject', async () => {
  await onStand({}, async (stand) => {
    // CXone has a withdrawal that is newer than the opt-in of the file.
    await stand.admin.seedPreferences([
      stored(23, { ...OPTED_OUT, regulatoryRegion: 'NONE', updatedAt: '2026-02-01T00:00:00.000Z' }),
    ]);
    stand.file('consent.csv', PREFERENCES);
    const { code, document, stderr } = await stand.json<{ runId: string; counts: object }>([
      'preferences',
      'update',
      'consent.csv',
    ]);
    expect({ code, counts: document.counts }, stderr).toEqual({
      code: 3,
      counts: { total: 5, pending: 0, updated: 2, conflict: 1, invalid: 1, rejected: 1 },
    });
    expect((await stand.admin.preferences({ contactId: guid(23) })).preferences).toMatchObject([
      { optIn: false },
    ]);
    await stand.conserved(document.runId);
    await proofOf(stand, document.runId);
    await eraseSomebody(stand);
  });
});

async function proofOf(stand: Stand, runId: string): Promise<void> {
  const args = ['preferences', 'history', '--contact', guid(21)];
  const { document } = await stand.json(args);
  expect(document).toMatchObject({
    contactId: guid(21),
    entries: [
      {
        runId,
        channel: 'email',
        optIn: true,
        consentTimestamp: '2026-01-05T09:00:00.000Z',
        source: 'web-form',
        outcome: 'updated',
        httpStatus: 200,
        requestId: expect.any(String) as string,
      },
    ],
    suppressions: [],
  });
  const unsent = await stand.json(['preferences', 'history', '--contact', guid(25)]);
  expect(unsent.document).toMatchObject({ entries: [], suppressions: [{ channel: 'email' }] });
}

async function eraseSomebody(stand: Stand): Promise<void> {
  const named = rowAt(1, { contactId: guid(21) });
  // Also in a padded cell of an invalid row, and in a malformed row with one cell too many.
  const refused = rowAt(4, { contactId: ` ${guid(21)} `, phone: 'none' });
  const contacts = csv([named, ...rows(2, 3), refused]);
  stand.file('contacts.csv', `${contacts}${guid(21)},Anna,+14155550100,2026-01-01,confirmed,too many\n`);
  const imported = await stand.json<{ runId: string }>([
    'contacts',
    'import',
    'contacts.csv',
    '--list',
    'L9',
  ]);
  await stand.conserved(imported.document.runId);
  const eraseArgs = ['erase', '--contact', guid(21), '--requested-by', 'dana'];
  const unconfirmed = await stand.cxflow(eraseArgs);
  expect(unconfirmed.code).toBe(2);
  expect(unconfirmed.stderr).toMatch(/cannot be undone.*--yes.*--dry-run/);
  const shown = await stand.json<ErasureResult>([...eraseArgs, '--dry-run']);
  expect(shown).toMatchObject({ code: 0, document: { records: 4, proof: 1, datasets: 2, dryRun: true } });
  expect(await readLedgerContents(stand.env.DATABASE_URL ?? '')).toContain(guid(21));
  const { code, document } = await stand.json<ErasureResult>([...eraseArgs, '--yes']);
  expect({ code, document }).toMatchObject({
    code: 0,
    document: {
      records: 4,
      proof: 1,
      datasets: 3,
      waitingFor: [],
      suppressed: ['email', 'sms', 'voice', 'webchat'],
    },
  });
  expect(await readLedgerContents(stand.env.DATABASE_URL ?? '')).not.toContain(guid(21));
  const history = await stand.json(['preferences', 'history', '--contact', guid(21)]);
  expect(history.document).toMatchObject({ entries: [] });
  // The erasure is an objection too, which counts whatever CXone has stored.
  const checked = await stand.client.checkEligibility({ contactId: guid(21), channel: 'email' });
  expect(checked).toMatchObject({ eligible: false, reason: 'suppressed' });
  const records = await stand.json<object[]>(['records', imported.document.runId]);
  expect(records.document).toHaveLength(5);
  expect((await stand.cxflow(['audit', 'verify'])).code).toBe(0);
}
