/** A purge that is killed halfway leaves no run partly visible, and the next purge completes it. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { useProcesses } from '../harness/processes.ts';
import { until } from '../harness/wait.ts';
import { ledgerOfFile, newContact, openRun, record, waitingForLocks } from '../ledger/harness.ts';

const opened = ledgerOfFile();
const processes = useProcesses();

async function oldRun(): Promise<Run> {
  const { ledger, database } = opened();
  const run = await openRun(ledger);
  const contactId = newContact();
  const records = [1, 2].map((seq) =>
    record(seq, { fields: { contactId }, record: { contactId }, key1: contactId }),
  );
  await ledger.records.stage(run.run_no, records);
  await ledger.records.finishStaging(run.run_no);
  await ledger.runs.close(run.run_no, 'cancelled', { counts: { total: 2, pending: 2 } }, null);
  await sql`update runs set finished_at = now() - interval '31 days' where run_no = ${run.run_no}`.execute(
    database.db,
  );
  return ledger.runs.get(run.run_id);
}

function startPurge() {
  const args = ['purge', '--older-than', '30d', '--yes', '--requested-by', 'cron', '--json'];
  return processes.start({ entry: 'cxflow', args, env: { DATABASE_URL: opened().url } });
}

async function recordsLeft(): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from records`.execute(
    opened().database.db,
  );
  return rows[0]?.n ?? 0;
}

it('a purge that is killed leaves no run partly visible, and the next purge completes it', async () => {
  const { ledger, database } = opened();
  const runs = [await oldRun(), await oldRun()];
  // The purge waits for the locked records of the second run after it has deleted those of the first.
  await database.db.transaction().execute(async (tx) => {
    await sql`select 1 from records where run_no = ${runs[1]?.run_no} for update`.execute(tx);
    const killed = startPurge();
    await until(
      () => waitingForLocks(database.db),
      (n) => n > 0,
    );
    expect(await recordsLeft()).toBe(2);
    expect(await killed.kill()).toMatchObject({ signal: 'SIGKILL' });
  });
  // Both runs were marked as purged before the first row was deleted, and keep their counts.
  for (const { run_id: runId, run_no: runNo } of runs) {
    expect((await ledger.runs.get(runId)).purged_at).toBeInstanceOf(Date);
    expect(await ledger.runs.counts(runNo)).toEqual({ total: 2, pending: 2 });
  }
  const next = startPurge();
  expect(await next.exited, next.output()).toMatchObject({ code: 0 });
  expect(await recordsLeft()).toBe(0);
  for (const { run_no: runNo } of runs)
    expect(await ledger.runs.counts(runNo)).toEqual({ total: 2, pending: 2 });
});
