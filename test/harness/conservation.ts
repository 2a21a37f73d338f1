/**
 * The conservation check at the end of every scenario and fault test: the simulator's state matches the ledger, the counts
 * add up, and no contact was created twice. It relies on independent sources (the simulator's journal, the tables, the
 * audit chain) and recounts everything that the product has counted.
 */
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { RunResult } from '../../src/contract/run.ts';
import { type Counts, isConserved, type Outcome } from '../../src/domain/run.ts';
import type { AuditVerdict } from '../../src/ledger/audit/audit.ts';
import { type Database, openDatabase } from '../../src/ledger/database.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { type AdminClient, createAdminClient } from '../../src/simulator/admin-client.ts';
import type { JournalEntry } from '../../src/simulator/journal.ts';
import { checkCampaign } from './campaign-conservation.ts';
import { checkEachBatchWasClaimed } from './claimed-batches.ts';
import { checkEmails } from './email-conservation.ts';
import { checkItems, type ItemCheck } from './item-conservation.ts';
import { checkPreferences } from './preference-conservation.ts';
import { PATIENCE_MS, until } from './wait.ts';

export interface Conservation extends ItemCheck {
  readonly databaseUrl: string;
  readonly simulatorUrl: string;
  readonly runId: string;
  /** Default `completed`. Dry runs and failed runs may have pending records. */
  readonly state?: Run['state'];
  /** The workflow's result, if the test has it. */
  readonly result?: RunResult;
}

/** Returns the counts. Errors: vitest's assertion with the numbers that do not match. */
export async function expectConserved(check: Conservation): Promise<Counts> {
  const database = openDatabase(withPatience(check.databaseUrl), 2, { silenceTimeoutMs: PATIENCE_MS });
  const ledger = openLedger(check.databaseUrl, 2);
  try {
    const run = await ledger.runs.get(check.runId);
    const counts = await checkCounts(ledger, database, run, check);
    await checkOutcomes(database, run, counts);
    await checkMetrics(ledger, database, run, counts);
    const admin = createAdminClient(check.simulatorUrl);
    if (run.kind === 'selectionUpdate') await checkCampaign(database, admin, run);
    else if (run.kind === 'preferenceUpdate') await checkPreferences(database, admin, run);
    else if (run.kind === 'listLoad') await checkItems(database, admin, run, check);
    else if (run.kind === 'emailSend') await checkEmails(database, ledger, admin, run, check);
    else await checkContactJournal(database, admin, run, check);
    await checkNothingIsOpen(database, run);
    await checkAudit(ledger, run);
    return counts;
  } finally {
    await ledger.close();
    await database.close();
  }
}

/** The product's statements time out after two minutes; the recounts here may take longer. */
function withPatience(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('statement_timeout', String(PATIENCE_MS));
  return url.href;
}

/** total = pending + outcomes, and the run's result, its exact counts and its running counts agree. */
async function checkCounts(ledger: Ledger, database: Database, run: Run, check: Conservation) {
  const exact = await ledger.runs.exactCounts(run.run_no);
  const counted = await countOutcomes(database, run.run_no);
  expect(run.state, `state of ${run.run_id}; failure ${JSON.stringify(run.failure)}`).toBe(
    check.state ?? 'completed',
  );
  expect(isConserved(exact), `${JSON.stringify(exact)} adds up`).toBe(true);
  expect(withoutZeros(exact), 'exact counts = recounted outcomes').toEqual(withoutZeros(counted));
  expect(withoutZeros(await ledger.runs.counts(run.run_no)), 'running counts = exact counts').toEqual(
    withoutZeros(exact),
  );
  if (run.state !== 'failed' && run.state !== 'running' && !run.dry_run)
    expect(exact.pending, 'pending').toBe(0);
  const results = [check.result, run.state === 'running' ? null : (run.result as RunResult | null)];
  for (const result of results) {
    if (result) expect(withoutZeros(result.counts), "the result's counts").toEqual(withoutZeros(exact));
  }
  return exact;
}

async function countOutcomes({ db }: Database, runNo: number): Promise<Counts> {
  const { rows } = await sql<{ outcome: Outcome | 'pending'; n: number }>`
    select coalesce(o.outcome, 'pending') as outcome, count(*)::int as n
    from records r left join outcomes o using (run_no, seq) where r.run_no = ${runNo} group by 1`.execute(db);
  const total = rows.reduce((sum, { n }) => sum + n, 0);
  return { total, pending: 0, ...Object.fromEntries(rows.map(({ outcome, n }) => [outcome, n])) };
}

function withoutZeros(counts: Counts): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([name, n]) => n !== 0 || name === 'pending'));
}

/** No outcome without a record, and no record in two open writes. The primary key already forbids two outcomes per record. */
async function checkOutcomes({ db }: Database, run: Run, counts: Counts): Promise<void> {
  const { rows } = await sql<{ orphans: number; outcomes: number; settled_twice: number }>`
    select
      (select count(*)::int from outcomes o left join records r using (run_no, seq)
        where o.run_no = ${run.run_no} and r.seq is null) as orphans,
      (select count(*)::int from outcomes where run_no = ${run.run_no}) as outcomes,
      (select count(*)::int from (select seq from writes, unnest(seqs) seq
        where run_no = ${run.run_no} and state in ('planned', 'sending', 'unanswered', 'in_doubt')
        group by seq having count(*) > 1) twice) as settled_twice`.execute(db);
  expect(rows[0], 'orphans, outcomes, records in two open writes').toEqual({
    orphans: 0,
    outcomes: counts.total - counts.pending,
    settled_twice: 0,
  });
}

/** What was measured of the run = its outcomes and answers, counted once more; and it is part of the sums of its operation. */
async function checkMetrics(ledger: Ledger, { db }: Database, run: Run, counts: Counts): Promise<void> {
  const { rows } = await sql<Record<'violations' | 'requests' | 'latency', number>>`
    select (select count(*)::int from outcomes where run_no = ${run.run_no} and write_id is null
        and outcome in ('invalid', 'rejected')) as violations,
      count(*)::int as requests, coalesce(sum(latency_ms), 0)::int as latency
    from writes where run_no = ${run.run_no} and latency_ms is not null`.execute(db);
  const measured = await ledger.metrics.ofRun(run.run_no);
  const { total, pending, ...outcomes } = withoutZeros(counts);
  expect({ ...measured, latencies: sumOf(measured.latencies) }, 'metrics = recounted').toMatchObject({
    ...{ records: total ?? 0, outcomes, requests: rows[0]?.requests, latencyMs: rows[0]?.latency },
    ...(run.kind !== 'selectionUpdate' && { checked: total ?? 0, violations: rows[0]?.violations }),
    latencies: rows[0]?.requests,
  });
  expect(sumOf(measured.outcomes), 'the outcomes that are measured').toBe((total ?? 0) - (pending ?? 0));
}

const sumOf = (parts: Readonly<Record<string, number>>): number =>
  Object.values(parts).reduce((sum, n) => sum + n, 0);

interface Settled {
  readonly contact: string;
  readonly outcome: Outcome | 'pending';
  readonly evidence: string | null;
  /** The record belongs to a write whose answer is not known. */
  readonly unknown: boolean;
}

async function checkContactJournal(
  database: Database,
  admin: AdminClient,
  run: Run,
  check: Conservation,
): Promise<void> {
  const settled = await settledContacts(database, run);
  const journal = (await admin.journal({ list: run.target })).filter(
    (entry) => !check.isListShared || settled.has(entry.contactId),
  );
  const created = journal.filter((entry) => entry.action === 'create');
  const { heldTwice = 0 } = check;
  const expectTwice = (what: string, found: readonly string[]) =>
    expect(heldTwice === 0 ? found : found.length, `${what} that CXone has twice`).toEqual(heldTwice || []);
  expectTwice('contacts', repeated(created.map((entry) => entry.contactId)));
  expectTwice('numbers', repeated(created.flatMap((entry) => entry.phones)));
  const withOutcome = (wanted: Outcome) =>
    [...settled.values()].filter(({ outcome }) => outcome === wanted).map(({ contact }) => contact);
  const createdContacts = new Set(created.map((entry) => entry.contactId));
  expect(
    withOutcome('created').filter((contact) => !createdContacts.has(contact)),
    'created according to the ledger, but not in CXone',
  ).toEqual([]);
  const unexplained = [...createdContacts].filter((contact) => !mayBeCreated(settled.get(contact)));
  expect(
    unexplained.map((contact) => settled.get(contact) ?? contact),
    'created in CXone, but not according to the ledger',
  ).toEqual([]);
  const updates = journal.filter((entry) => entry.action === 'update');
  const updatedContacts = new Set(updates.map((entry) => entry.contactId));
  expect(
    withOutcome('updated').filter((contact) => !updatedContacts.has(contact)),
    'updated according to the ledger, but not in CXone',
  ).toEqual([]);
  await checkCreatedOnce(database, run, created);
  await checkOpenOrigins(database, run);
  // A ledger that was restored from a backup has lost the claims made since.
  if (run.restored_at === null) await checkPostsWereClaimed(database, admin);
  await checkEachBatchWasClaimed(database, admin, run, {
    path: `/api/v2/contactlists/${encodeURIComponent(run.target)}/records`,
    kind: 'create',
    knownBy: sql`r.record->>'contactId'`,
  });
}

/** Of all runs on the list, no more say that they created a contact than CXone has created it. */
async function checkCreatedOnce({ db }: Database, run: Run, created: readonly JournalEntry[]): Promise<void> {
  const { rows } = await sql<{ contact: string; runs: number }>`
    select r.record->>'contactId' as contact, count(*)::int as runs
    from outcomes o join records r using (run_no, seq) join runs using (run_no)
    where runs.target = ${run.target} and runs.kind = ${run.kind} and o.outcome = 'created'
    group by 1 having count(*) > 1`.execute(db);
  const creations = (contact: string) => created.filter(({ contactId }) => contactId === contact).length;
  const claimed = rows.filter(({ contact, runs }) => runs > creations(contact));
  expect(claimed, 'contacts that more runs call created than CXone has created them').toEqual([]);
}

/** That nobody can tell where a contact came from needs an answer that was lost, or one that did not account for it. */
async function checkOpenOrigins({ db }: Database, run: Run): Promise<void> {
  const { rows } = await sql<{ seq: number }>`
    select o.seq from outcomes o where o.run_no = ${run.run_no} and o.evidence = 'own_write_or_existing'
      and not exists (select 1 from writes w where w.run_no = o.run_no and w.kind = 'create' and o.seq = any(w.seqs)
        and (w.lost_answers > 0 or w.refs->>'halved' = 'true' or w.refs->>'resent' = 'true'))`.execute(db);
  expect(rows, 'records of open origin without a lost answer').toEqual([]);
}

/** Whether the ledger's record of a contact is consistent with CXone having created it for this run. */
function mayBeCreated(settled: Settled | undefined): boolean {
  if (!settled) return false;
  const { outcome, evidence, unknown } = settled;
  return outcome === 'created' || outcome === 'in_doubt' || evidence === 'own_write_or_existing' || unknown;
}

/** Every request, of any run, has a committed claim. After a 401 the client repeats the request once without another claim. */
async function checkPostsWereClaimed({ db }: Database, admin: AdminClient): Promise<void> {
  const { rows } = await sql<{ claims: number }>`
    select coalesce(sum(attempts), 0)::int as claims from writes where kind = 'create'`.execute(db);
  const { requests } = await admin.stats();
  const byStatus = requests['POST /api/v2/contactlists/:listId/records'] ?? {};
  const posts = Object.values(byStatus).reduce((sum, n) => sum + n, 0);
  expect(posts - (byStatus['401'] ?? 0), 'POSTs compared with claims').toBeLessThanOrEqual(
    rows[0]?.claims ?? 0,
  );
}

async function settledContacts({ db }: Database, run: Run): Promise<ReadonlyMap<string, Settled>> {
  const { rows } = await sql<Settled>`
    select r.record->>'contactId' as contact, coalesce(o.outcome, 'pending') as outcome, o.evidence,
      o.seq is null and exists (select 1 from writes p where p.run_no = r.run_no and r.seq = any(p.seqs)
        and p.state in ('sending', 'unanswered')) as unknown
    from records r left join outcomes o using (run_no, seq)
    where r.run_no = ${run.run_no} and r.record is not null
      and o.outcome is distinct from 'duplicate'`.execute(db);
  return new Map(rows.map((row) => [row.contact, row]));
}

function repeated(values: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.has(value) || !seen.add(value));
}

/** A run that has ended has no write in progress. Unsent writes may stay planned if it did not complete. */
async function checkNothingIsOpen({ db }: Database, run: Run): Promise<void> {
  if (run.state === 'running' || run.state === 'failed') return;
  const open =
    run.state === 'completed' && !run.dry_run
      ? ['planned', 'sending', 'unanswered']
      : ['sending', 'unanswered'];
  const { rows } = await sql`
    select id, batch, kind, state, fence, lost_answers from writes
    where run_no = ${run.run_no} and state = any(${open})`.execute(db);
  expect(rows, 'writes that are still open').toEqual([]);
}

/** Seals what a killed worker left unsealed, even while other workers seal too, and recomputes the chain. */
async function checkAudit(ledger: Ledger, run: Run): Promise<void> {
  const verdict = await until(
    () => sealAndVerify(ledger),
    ({ unsealed }) => unsealed === 0,
  );
  expect(verdict, 'audit verify').toMatchObject({ unsealed: 0, finding: null });
  const actions: string[] = [];
  for await (const entry of ledger.audit.list(run.run_id)) actions.push(entry.action);
  expect(actions[0], 'first audit entry').toBe('run_opened');
  if (run.state !== 'running') expect(actions, 'audit entries').toContain('run_closed');
}

async function sealAndVerify({ audit }: Ledger): Promise<AuditVerdict> {
  await audit.seal();
  return audit.verify();
}
