/** The entries of suppression snapshots (consent/suppression-snapshots.ts) that nobody needs any more. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';

/** Only those that were begun before the one given; by default all. From now on nobody is looked up in them. */
export async function emptySnapshots(
  tx: Executor,
  runNo: number,
  before: number | null = null,
): Promise<void> {
  const { rows } = await sql<{ no: number }>`
    update suppression_snapshots set emptied_at = clock_timestamp()
    where run_no = ${runNo} and emptied_at is null and (${before}::int is null or snapshot_no < ${before}::int)
    returning snapshot_no as no`.execute(tx);
  await deleteEntries(
    tx,
    rows.map(({ no }) => no),
  );
}

/**
 * The snapshots must have been deleted or marked as empty in an earlier statement: it waited for whoever was adding entries,
 * which only a new statement sees.
 */
export async function deleteEntries(tx: Executor, snapshotNos: readonly number[]): Promise<void> {
  if (snapshotNos.length === 0) return;
  await tx.deleteFrom('suppression_snapshot_entries').where('snapshot_no', 'in', snapshotNos).execute();
}
