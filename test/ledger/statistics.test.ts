/** PostgreSQL's statistics may be older than the current run. Statements over all its records must stay fast nevertheless. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { until } from '../harness/wait.ts';
import { invalid, ledgerOfFile, openRun, record, someId, upTo } from './harness.ts';

const opened = ledgerOfFile();
const RECORDS = 2_000;

/** Every second record has an outcome. */
async function stagedRun(ledger: Ledger): Promise<Run> {
  const run = await openRun(ledger);
  const rows = upTo(RECORDS).map((seq) => (seq % 2 === 0 ? record(seq) : invalid(seq)));
  await ledger.records.stage(run.run_no, rows);
  await ledger.records.finishStaging(run.run_no);
  return run;
}

/** Uses a separate session. Once PostgreSQL no longer lists the session, it has counted everything that the session read. */
async function inSession<T>(work: (ledger: Ledger) => Promise<T>): Promise<T> {
  const { url, database } = opened();
  const name = someId('session');
  const ledger = openLedger(`${url}?application_name=${name}`, 1);
  const isListed = async () => {
    const { rows } = await sql`select from pg_stat_activity where application_name = ${name}`.execute(
      database.db,
    );
    return rows.length > 0;
  };
  const result = await work(ledger);
  expect(await isListed()).toBe(true);
  await ledger.close();
  await until(isListed, (listed) => !listed);
  return result;
}

/** How many rows and index entries of records and outcomes all ended sessions have read. */
async function countReads(): Promise<number> {
  const { rows } = await sql<{ n: string }>`
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) + (select sum(idx_tup_read) from pg_stat_user_indexes
      where relname in ('records', 'outcomes')) as n
    from pg_stat_user_tables where relname in ('records', 'outcomes')`.execute(opened().database.db);
  return Number(rows[0]?.n);
}

it.each<[string, (ledger: Ledger, run: Run) => Promise<unknown>]>([
  ['planning', (ledger, run) => ledger.writes.plan(run.run_no, 'create', 100)],
  ['cancelling pending records', (ledger, run) => ledger.records.cancelPending(run.run_no, { code: 'x' })],
  ['counting', (ledger, run) => ledger.runs.exactCounts(run.run_no)],
  ['counting those with a contact id', (ledger, run) => ledger.records.countPendingContacts(run.run_no)],
  ['counting shared keys', (ledger, run) => ledger.preferences.countSharedKeys(run.run_no)],
  [
    'looking for shared keys',
    (ledger, run) => ledger.preferences.replaceSharedKeys(run.run_no, (record) => record),
  ],
])('%s reads each record a few times, not once for each other record', async (_, work) => {
  await inSession(stagedRun);
  await sql`analyze`.execute(opened().database.db);
  const run = await inSession(stagedRun);
  const before = await countReads();
  await inSession((ledger) => work(ledger, run));
  const reads = (await countReads()) - before;
  expect(reads).toBeGreaterThanOrEqual(RECORDS);
  expect(reads).toBeLessThan(20 * RECORDS);
});
