/** Plants secrets and personal data, and searches for them everywhere except in the tables that hold rows. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { query } from './observe.ts';
import { LIST, onStand, type Stand, until } from './stand.ts';

const processes = useProcesses();

/** Values that occur nowhere else by chance. */
const CANARY = {
  secret: 'canary-client-secret-7f3a',
  syncToken: 'canary-sync-token-91bc',
  /** Of a secret for signatures: base64. */
  signingKey: 'canary0webhook0signing0key0c44d0',
  /** The prefix of the simulator's bearer tokens. */
  bearer: 'sim-contactlists-',
  phone: '2125550142',
  contactId: 'canary-person-0042',
  name: 'Zwitscherling',
  custom: 'canary custom field 5d2e',
  badPhone: '(212) 555-0143',
  optedIn: 'cafe0000-beef-4bad-8000-000000000042',
  optedOut: 'cafe0000-beef-4bad-8000-000000000043',
  refusedLookup: 'cafe0000-beef-4bad-8000-000000000044',
  source: 'canary source 8e11',
};

const header = 'contactId,phone,consentTimestamp,optInStatus,lastName,note';
const row = (n: number) => `c${n},+1213555${String(1000 + n)},2026-01-01,confirmed,Doe,none`;
const person = (id: string, phone: string) =>
  `${id},${phone},2026-01-01,confirmed,${CANARY.name},${CANARY.custom}`;
/** Rows that are valid, invalid, duplicate, malformed or refused by CXone, each with canaries. */
const ROWS = [
  person(CANARY.contactId, `+1${CANARY.phone}`),
  person(`${CANARY.contactId}-b`, CANARY.badPhone),
  person(`${CANARY.contactId}-c`, `+1${CANARY.phone}`),
  `${person(`${CANARY.contactId}-d`, '+12125550144')},${CANARY.custom}`,
  `${CANARY.contactId}-e,+1${CANARY.phone.replace('42', '45')},${CANARY.custom},${CANARY.custom},${CANARY.name}`,
  ...Array.from({ length: 995 }, (_, n) => row(n)),
];

/** Files without a header, in which the first row, read as column names, is a person. */
const HEADLESS = {
  'headless.csv': ROWS.slice(0, 2),
  // No cell looks like data, so columns are reported as missing; the message must not list the cells.
  'unheard.csv': [`c-1,${CANARY.name},soon,yes,${CANARY.custom}`, 'c-2,Doe,soon,yes,none'],
  'doubled.csv': [`c-1,${CANARY.name},${CANARY.name},yes`, 'c-2,Doe,Doe,yes'],
};

/** Messages of CXone that quote personal data; failing subscribers and connections. */
const MESSAGE = `${CANARY.contactId} +1${CANARY.phone} ${CANARY.name} is refused`;
const errors = [
  {
    index: 0,
    contactId: CANARY.contactId,
    code: 'BLOCKED',
    field: 'phoneNumbers[0].number',
    message: MESSAGE,
  },
];
const POSTS = { method: 'POST', family: 'contactlists' } as const;
const FAULTS: readonly FaultRule[] = [
  { match: POSTS, times: 1, fault: { status: 500, body: { message: MESSAGE } } },
  { match: POSTS, after: 1, times: 1, fault: { reset: 'after' } },
  { match: POSTS, after: 2, times: 1, fault: { truncate: true } },
  { match: POSTS, after: 3, times: 1, fault: { status: 429, retryAfter: 1, body: { message: MESSAGE } } },
  { match: POSTS, after: 4, times: 3, fault: { status: 400, body: { message: MESSAGE, errors } } },
  { match: { path: '^/oauth2/token$' }, times: 1, fault: { status: 500, body: { message: MESSAGE } } },
  { match: { family: 'webhooks' }, times: 2, fault: { status: 503, body: { message: MESSAGE } } },
];

it('an import leaves no secret and no personal data in logs, histories, audit or outbox', async () => {
  const env = {
    CXONE_CLIENT_SECRET: CANARY.secret,
    CRM_SYNC_TOKEN: CANARY.syncToken,
    CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
    CXFLOW_MAX_IN_FLIGHT: '2',
  };
  await onStand(processes, { faults: FAULTS, env }, async (stand) => {
    const worker = await stand.readyWorker({
      CRM_WEBHOOK_URL: stand.admin.webhookUrl('crm'),
      CXFLOW_WEBHOOK_SECRET: `whsec_${CANARY.signingKey}`,
    });
    const path = join(stand.folder, 'canaries.csv');
    writeFileSync(path, [header, ...ROWS].join('\n'));
    const { source } = await stand.client().stageFile(path);
    // This contact is refused whichever batches the faults strike.
    await stand.admin.change({ blockedNumbers: [`+1${CANARY.phone}`] });
    const { runId } = await stand.client().startContactImport({ listId: LIST, source, approval: true });
    const described: unknown[] = [];
    const observe = async () => described.push(await describe(stand, runId));
    const waits = await until(
      () => stand.client().progress(runId),
      ({ phase }) => phase === 'awaiting_approval',
    );
    await observe();
    await stand.client().decide(runId, { action: 'approve', by: 'dana', planHash: waits.planHash ?? '' });
    const ended = stand.ended(runId);
    const polling = setInterval(() => void observe().catch(() => undefined), 200);
    const result = await ended.finally(() => clearInterval(polling));
    await observe();
    const counts = await stand.conserved(runId, { result });
    expect([counts.invalid, counts.duplicate, counts.rejected], 'invalid, duplicate, rejected').toEqual([
      3, 1, 1,
    ]);
    // A run that fails.
    await stand.admin.setFaults([{ match: POSTS, fault: { status: 403, body: { message: MESSAGE } } }]);
    const other = await stand.client().startContactImport({ listId: 'L2', source });
    await expect(stand.ended(other.runId)).rejects.toThrow();
    const failed = [other.runId, ...(await importHeadless(stand))];
    expectNoCanary('the worker’s output', worker.output());
    const describedFailures = await Promise.all(failed.map((id) => describe(stand, id)));
    expectNoCanary('what Temporal shows of the runs', toText([...described, ...describedFailures]));
    expectNoCanary(
      'the histories',
      toText(await Promise.all([runId, ...failed].map((id) => history(stand, id)))),
    );
    for (const table of ['audit', 'audit_pending', 'outbox', 'writes', 'runs', 'rate_budgets']) {
      expectNoCanary(`the table ${table}`, await dumpTable(stand, table));
    }
    const events = await stand.admin.webhooks('crm');
    expect(events.length).toBeGreaterThan(5);
    expectNoCanary('the bodies of webhooks', events.map(({ raw }) => raw).join('\n'));
    expect(
      events.every(({ headers }) => headers.authorization === undefined),
      'events without an authorization header',
    ).toBe(true);
    await expectSearchWorks(stand);
  });
});

/** An opt-in, an opt-in whose lookup CXone refuses, an objection without a date, and rows that break rules. */
const preference = (contactId: string, more: object = {}) => ({
  contactId,
  channel: 'email',
  optIn: true,
  consentTimestamp: '2026-01-01T00:00:00Z',
  withdrawalTimestamp: null,
  regulatoryRegion: 'GDPR',
  source: CANARY.source,
  ...more,
});
const WITHDRAWAL = { optIn: false, withdrawalTimestamp: '2026-02-01T00:00:00Z' };
const PREFERENCES = [
  preference(CANARY.optedIn),
  preference(CANARY.refusedLookup),
  preference(CANARY.optedOut, { ...WITHDRAWAL, consentTimestamp: null }),
  preference(CANARY.contactId, WITHDRAWAL),
  preference(CANARY.name, { channel: CANARY.custom, optIn: CANARY.name, regulatoryRegion: CANARY.custom }),
  preference(CANARY.optedIn, { channel: 'sms', ...WITHDRAWAL }),
];
const BATCHES = { method: 'POST', family: 'preferences' } as const;
const LOOKUPS = { method: 'GET', family: 'preferences' } as const;
const CONSENT_FAULTS: readonly FaultRule[] = [
  {
    match: { ...LOOKUPS, query: `contactId=${CANARY.refusedLookup}` },
    fault: { status: 422, body: { message: MESSAGE } },
  },
  { match: LOOKUPS, times: 1, fault: { status: 500, body: { message: MESSAGE } } },
  {
    match: LOOKUPS,
    times: 1,
    fault: { raw: JSON.stringify({ contactId: CANARY.optedIn, name: CANARY.name }) },
  },
  { match: BATCHES, times: 1, fault: { status: 500, body: { message: MESSAGE } } },
  { match: BATCHES, times: 1, fault: { reset: 'after' } },
  { match: BATCHES, times: 1, fault: { status: 429, retryAfter: 1, body: { message: MESSAGE } } },
];

it('preference updates, eligibility checks and erasures leave no personal data in logs, histories or audit', async () => {
  await onStand(processes, { faults: CONSENT_FAULTS }, async (stand) => {
    const worker = await stand.readyWorker();
    const client = stand.client();
    const { source } = await client.stageRows(PREFERENCES);
    const { runId } = await client.startPreferenceUpdate({ source });
    const result = await stand.ended(runId);
    const counts = await stand.conserved(runId, { result });
    expect(counts).toMatchObject({ updated: 2, rejected: 2, invalid: 2 });
    expect(canariesIn(await dumpTable(stand, 'records'))).toEqual(
      expect.arrayContaining(['optedIn', 'optedOut', 'refusedLookup', 'source']),
    );
    const dataset = 'dataset' in source ? source.dataset : '';
    const checked = await client.checkEligibilityList({ dataset, channel: 'email' });
    expect(checked.ineligible).toMatchObject({ consent_unavailable: 1 });
    await client.checkEligibility({ contactId: CANARY.optedIn, channel: 'sms' });
    await expectNoPersonalData(stand, worker.output());
    await client.erase({ contactId: CANARY.optedIn, requestedBy: 'dana' });
    await expectNoPersonalData(stand, worker.output());
  });
});

async function expectNoPersonalData(stand: Stand, output: string): Promise<void> {
  expectNoCanary('the worker’s output', output);
  const tables = ['audit', 'audit_pending', 'writes', 'runs', 'outbox', 'suppressions', 'consent_proof'];
  for (const table of [...tables, 'consent_keys', 'erasures', 'eligibility_results'])
    expectNoCanary(`the table ${table}`, await dumpTable(stand, table));
  const histories: unknown[] = [];
  for await (const { workflowId, type } of stand.client().temporal.workflow.list()) {
    // The check of a single contact has the contact id as its input (ADR 0004).
    if (type !== 'eligibilityCheck') histories.push(await history(stand, workflowId));
  }
  expect(histories.length).toBeGreaterThan(1);
  expectNoCanary('the histories', toText(histories));
}

/** Starts imports by path, as other Temporal clients do, so that the worker is the first to read the file. */
async function importHeadless(stand: Stand): Promise<string[]> {
  const imports = Object.entries(HEADLESS).map(async ([name, lines]) => {
    writeFileSync(join(stand.folder, name), lines.join('\n'));
    const { runId } = await stand.client().startContactImport({ listId: name, source: { path: name } });
    await expect(stand.ended(runId), name).rejects.toThrow();
    return runId;
  });
  return Promise.all(imports);
}

/** The search must find the canaries where they are allowed. Otherwise finding none elsewhere proves nothing. */
async function expectSearchWorks(stand: Stand): Promise<void> {
  const records = await dumpTable(stand, 'records');
  expect(canariesIn(records)).toEqual(['phone', 'contactId', 'name', 'custom', 'badPhone']);
  const encoded = { payload: Buffer.from(JSON.stringify({ deep: CANARY.secret })) };
  expect(canariesIn(toText([encoded]))).toEqual(['secret']);
}

const canariesIn = (text: string): readonly string[] =>
  Object.entries(CANARY).flatMap(([name, canary]) => (text.includes(canary) ? [name] : []));

function expectNoCanary(where: string, text: string): void {
  expect(text.length, where).toBeGreaterThan(0);
  expect(canariesIn(text), `canaries in ${where}`).toEqual([]);
}

/** Joins all texts of a value. Bytes are read as text, because payloads are JSON in bytes. */
function toText(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, part]) => `${name}=${toText(part)}`)
    .join('\n');
}

const history = (stand: Stand, runId: string) =>
  stand.client().temporal.workflow.getHandle(runId).fetchHistory();

/** What Temporal shows of a run: pending activities, their heartbeats and last failures, and the details for the Web UI. */
async function describe(stand: Stand, runId: string): Promise<unknown> {
  const handle = stand.client().temporal.workflow.getHandle(runId);
  const { raw } = await handle.describe();
  const details: unknown = await handle.query('__temporal_workflow_metadata').catch(() => null);
  return [
    raw,
    details,
    await stand
      .client()
      .progress(runId)
      .catch(() => null),
  ];
}

async function dumpTable(stand: Stand, table: string): Promise<string> {
  const { rows } = await query(stand, (db) =>
    sql<{
      text: string;
    }>`select coalesce(string_agg(t::text, chr(10)), '') || ${table}::text as text from ${sql.table(table)} t`.execute(
      db,
    ),
  );
  return rows[0]?.text ?? '';
}
