/** Deletes the snapshots of CXone's suppression list of runs that were purged. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';

const OF_PURGED_RUNS = sql`run_no in (select run_no from runs where purged_at is not null)`;

/** From now on nobody is looked up in them. */
export async function markSnapshotsEmpty(db: Executor): Promise<void> {
  await sql`
    update suppression_snapshots set emptied_at = clock_timestamp()
    where emptied_at is null and ${OF_PURGED_RUNS}`.execute(db);
}

export const deleteSomeEntries = (limit: number) => sql`
  delete from suppression_snapshot_entries where (snapshot_no, identifier) in (
    select snapshot_no, identifier from suppression_snapshot_entries
    where snapshot_no in (select snapshot_no from suppression_snapshots where ${OF_PURGED_RUNS}) limit ${limit})`;

/** The newest accepted one of a tenant stays, without entries, because the next one is compared with it. */
export async function deleteEmptySnapshots(db: Executor): Promise<void> {
  await sql`
    delete from suppression_snapshots old where ${OF_PURGED_RUNS} and (accepted_at is null or exists (
      select from suppression_snapshots newer where newer.tenant = old.tenant and newer.accepted_at is not null
        and newer.snapshot_no > old.snapshot_no))`.execute(db);
}
