/** PostgreSQL's statistics are older than the run that is under way: what goes through all of its records must not depend on them. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { invalid, ledgerOfFile, openRun, record, upTo } from './harness.ts';

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

/** Rows and index entries of records and outcomes that a process reads. It reports them when its connections end. */
async function readBy(work: (ledger: Ledger) => Promise<unknown>): Promise<number> {
  const { url, database } = opened();
  const total = async () => {
    const { rows } = await sql<{ n: string }>`
      select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) + (select sum(idx_tup_read) from pg_stat_user_indexes
        where relname in ('records', 'outcomes')) as n
      from pg_stat_user_tables where relname in ('records', 'outcomes')`.execute(database.db);
    return Number(rows[0]?.n);
  };
  const before = await total();
  const ledger = openLedger(url, 1);
  await work(ledger);
  await ledger.close();
  return (await total()) - before;
}

it.each<[string, (ledger: Ledger, run: Run) => Promise<unknown>]>([
  ['cutting the batches', (ledger, run) => ledger.writes.plan(run.run_no, 'create', 100)],
  ['cancelling what is pending', (ledger, run) => ledger.records.cancelPending(run.run_no, { code: 'x' })],
  ['counting', (ledger, run) => ledger.runs.exactCounts(run.run_no)],
  ['counting those with a contact id', (ledger, run) => ledger.records.countPendingContacts(run.run_no)],
  ['counting opt-ins', (ledger, run) => ledger.preferences.countPendingOptIns(run.run_no)],
])('%s reads each record a few times, not once for each other record', async (_, work) => {
  const { ledger, database } = opened();
  await stagedRun(ledger);
  await sql`analyze`.execute(database.db);
  const run = await stagedRun(ledger);
  expect(await readBy((process) => work(process, run))).toBeLessThan(20 * RECORDS);
});
