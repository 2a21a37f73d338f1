/** The entries of suppression snapshots (consent/suppression-snapshots.ts) that nobody needs any more. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';

/** Only those that were begun before the one given; by default all. From now on nobody is looked up in them. */
export async function emptySnapshots(
  tx: Executor,
  runNo: number,
  before: number | null = null,
): Promise<void> {
  await sql`
    with emptied as (
      update suppression_snapshots set emptied_at = clock_timestamp()
      where run_no = ${runNo} and emptied_at is null and (${before}::int is null or snapshot_no < ${before}::int)
      returning snapshot_no)
    delete from suppression_snapshot_entries where snapshot_no in (select snapshot_no from emptied)`.execute(
    tx,
  );
}
