/**
 * The conservation check that ends every scenario and every fault test: what the simulator holds is what the ledger says, the
 * parts add up, nobody twice. It asks independent witnesses (the simulator's journal, the tables, the audit chain) and
 * believes no count that the product has computed without counting again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { RunResult } from '../../src/contract/run.ts';
import { type Counts, isConserved, type Outcome } from '../../src/domain/run.ts';
import type { AuditVerdict } from '../../src/ledger/audit/audit.ts';
import { type Database, openDatabase } from '../../src/ledger/database.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { type AdminClient, createAdminClient } from '../../src/simulator/admin-client.ts';
import { campaignAgrees } from './campaign-conservation.ts';
import { preferencesAgree } from './preference-conservation.ts';

export interface Conservation {
  readonly databaseUrl: string;
  readonly simulatorUrl: string;
  readonly runId: string;
  /** Default `completed`. A dry run, and one that failed, may keep pending records. */
  readonly state?: Run['state'];
  /** What Temporal's client answered, where it did. */
  readonly result?: RunResult;
  /** How many contacts CXone holds twice, because a person let them go out again. Default none. */
  readonly heldTwice?: number;
  /** Other runs wrote to the same list too: their contacts are left out. Default false: every entry is accounted for. */
  readonly isListShared?: boolean;
}

/** Throws vitest's assertion with the numbers that do not fit; returns the counts. */
export async function expectConserved(check: Conservation): Promise<Counts> {
  const database = openDatabase(check.databaseUrl, 2);
  const ledger = openLedger(check.databaseUrl, 2);
  try {
    const run = await ledger.runs.get(check.runId);
    const counts = await countsAgree(ledger, database, run, check);
    await outcomesAreOneEach(database, run, counts);
    const admin = createAdminClient(check.simulatorUrl);
    if (run.kind === 'selectionUpdate') await campaignAgrees(database, admin, run);
    else if (run.kind === 'preferenceUpdate') await preferencesAgree(database, admin, run);
    else await journalAgrees(database, admin, run, check);
    await nothingIsLeftOpen(database, run);
    await auditIsWhole(ledger, run);
    return counts;
  } finally {
    await ledger.close();
    await database.close();
  }
}

/** total = pending + outcomes; result = exact = cheap. */
async function countsAgree(ledger: Ledger, database: Database, run: Run, check: Conservation) {
  const exact = await ledger.runs.exactCounts(run.run_no);
  const counted = await countAgain(database, run.run_no);
  expect(run.state, `state of ${run.run_id}; failure ${JSON.stringify(run.failure)}`).toBe(
    check.state ?? 'completed',
  );
  expect(isConserved(exact), `the parts of ${JSON.stringify(exact)} add up`).toBe(true);
  expect(withoutZeros(exact), 'exact counts = outcomes counted one by one').toEqual(withoutZeros(counted));
  expect(withoutZeros(await ledger.runs.counts(run.run_no)), 'cheap counts = exact counts').toEqual(
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

async function countAgain({ db }: Database, runNo: number): Promise<Counts> {
  const { rows } = await sql<{ outcome: Outcome | 'pending'; n: number }>`
    select coalesce(o.outcome, 'pending') as outcome, count(*)::int as n
    from records r left join outcomes o using (run_no, seq) where r.run_no = ${runNo} group by 1`.execute(db);
  const total = rows.reduce((sum, { n }) => sum + n, 0);
  return { total, pending: 0, ...Object.fromEntries(rows.map(({ outcome, n }) => [outcome, n])) };
}

function withoutZeros(counts: Counts): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([name, n]) => n !== 0 || name === 'pending'));
}

/** The primary key forbids two outcomes of one record; here: no outcome without a record, no record in two batches. */
async function outcomesAreOneEach({ db }: Database, run: Run, counts: Counts): Promise<void> {
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

interface Settled {
  readonly contact: string;
  readonly outcome: Outcome | 'pending';
  readonly evidence: string | null;
  /** Of a write that was sent, and whose answer is not known. */
  readonly unknown: boolean;
}

async function journalAgrees(
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
  const twice = (what: string, held: readonly string[]) =>
    expect(heldTwice === 0 ? held : held.length, `${what} that CXone holds twice`).toEqual(heldTwice || []);
  twice('contacts', repeated(created.map((entry) => entry.contactId)));
  twice('numbers', repeated(created.flatMap((entry) => entry.phones)));
  const applied = new Set(created.map((entry) => entry.contactId));
  const said = [...settled.values()]
    .filter(({ outcome }) => outcome === 'created')
    .map(({ contact }) => contact);
  expect(
    said.filter((contact) => !applied.has(contact)),
    'created in the ledger, not in CXone',
  ).toEqual([]);
  const unsaid = [...applied].filter((contact) => !mayBeOurs(settled.get(contact)));
  expect(
    unsaid.map((contact) => settled.get(contact) ?? contact),
    'created in CXone, and the ledger says otherwise',
  ).toEqual([]);
  const updates = new Set(
    journal.filter((entry) => entry.action === 'update').map((entry) => entry.contactId),
  );
  const updated = [...settled.values()]
    .filter(({ outcome }) => outcome === 'updated')
    .map(({ contact }) => contact);
  expect(
    updated.filter((contact) => !updates.has(contact)),
    'updated in the ledger, not in CXone',
  ).toEqual([]);
  await everyPostWasClaimed(database, admin);
}

/** What the ledger may say of a contact that this run's requests have put into CXone. */
function mayBeOurs(settled: Settled | undefined): boolean {
  if (!settled) return false;
  const { outcome, evidence, unknown } = settled;
  return outcome === 'created' || outcome === 'in_doubt' || evidence === 'own_write_or_existing' || unknown;
}

/** Every request that left has a claim that was committed, of whichever run; a 401 is answered with one repeat. */
async function everyPostWasClaimed({ db }: Database, admin: AdminClient): Promise<void> {
  const { rows } = await sql<{ claims: number }>`
    select coalesce(sum(attempts), 0)::int as claims from writes where kind = 'create'`.execute(db);
  const { requests } = await admin.stats();
  const byStatus = requests['POST /api/v2/contactlists/:listId/records'] ?? {};
  const posts = Object.values(byStatus).reduce((sum, n) => sum + n, 0);
  expect(posts - (byStatus['401'] ?? 0), 'POSTs, against claims').toBeLessThanOrEqual(rows[0]?.claims ?? 0);
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

/** Nothing is under way in a run that ended; what nobody sent may stay planned where the run did not complete. */
async function nothingIsLeftOpen({ db }: Database, run: Run): Promise<void> {
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

/** Seals what a worker that was killed has left unsealed, beside those that live and do so too; recomputes the chain. */
async function auditIsWhole(ledger: Ledger, run: Run): Promise<void> {
  let verdict = await sealAndVerify(ledger);
  for (let tries = 1; verdict.unsealed > 0 && tries < 500; tries += 1) {
    await delay(20);
    verdict = await sealAndVerify(ledger);
  }
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
