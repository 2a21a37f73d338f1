/** The purge in PostgreSQL. */
import { sql } from 'kysely';
import { addAuditEntry } from '../audit/entries.sql.ts';
import type { Database, Executor } from '../database.ts';
import { lockRun } from '../locks.ts';
import { countSettled } from '../runs/counts.sql.ts';
import { storeMeasures } from '../runs/metrics.sql.ts';
import { listReaders } from '../runs/sources.sql.ts';
import { maybeApplied } from '../writes/maybe-applied.sql.ts';
import type { KeptReason, PurgeCounts, PurgeRequest, PurgeResult, PurgeScope, Purges } from './purges.ts';
import { deleteEmptySnapshots, deleteSomeEntries, markSnapshotsEmpty } from './suppression-snapshots.sql.ts';

export function createPurges({ db }: Database): Purges {
  return {
    preview: (scope) => preview(db, scope),
    purge: (request) => purge(db, request),
  };
}

/** How many rows one transaction deletes at most. */
const ROWS_AT_ONCE = 5_000;
const NOTHING: PurgeCounts = { runs: 0, records: 0, events: 0, datasets: 0, snapshots: 0, checkedRows: 0 };

type Add = (part: keyof PurgeCounts, n: number) => void;

async function purge(db: Executor, request: PurgeRequest): Promise<PurgeResult> {
  let counts = NOTHING;
  const add: Add = (part, n) => {
    counts = { ...counts, [part]: counts[part] + n };
    request.onProgress?.(counts);
  };
  const runs = await listEndedRuns(db, request);
  for (const run of runs.filter(({ why }) => why === null)) {
    if (await markPurged(db, run, request)) add('runs', 1);
  }
  for (const runNo of await listMarkedRuns(db)) await deleteRows(db, runNo, add);
  await deleteSuppressionSnapshots(db);
  for (const id of await listOldDatasets(db, request)) add('datasets', await deleteDataset(db, id, request));
  await repeat(
    () => deleteSnapshots(db, request),
    (n) => add('snapshots', n),
  );
  for (const checkId of await listOldChecks(db, request))
    await repeat(
      () => deleteChecked(db, checkId),
      (n) => add('checkedRows', n),
    );
  const { purgeId, before, requestedBy } = request;
  await addAuditEntry(db, { runId: purgeId, action: 'purged', data: { ...counts, before, requestedBy } });
  return { ...counts, kept: listKept(runs) };
}

async function preview(db: Executor, scope: PurgeScope): Promise<PurgeResult> {
  const runs = await listEndedRuns(db, scope);
  const runNos = [
    ...runs.filter(({ why }) => why === null).map(({ runNo }) => runNo),
    ...(await listMarkedRuns(db)),
  ];
  const { rows } = await sql<{ records: string; events: string; snapshots: string; checked: string }>`
    select (select count(*) from records where run_no = any(${runNos}::int[])) as records,
      (select count(*) from outbox where run_no = any(${runNos}::int[])) as events,
      (select count(*) from campaign_snapshots snapshot where ${isOldSnapshot(scope, runNos)}) as snapshots,
      (select count(*) from eligibility_results
        where check_id = any(${[...(await listOldChecks(db, scope))]}::text[])) as checked`.execute(db);
  const [counted] = rows;
  return {
    runs: runs.filter(({ why }) => why === null).length,
    records: Number(counted?.records ?? 0),
    events: Number(counted?.events ?? 0),
    datasets: (await listOldDatasets(db, scope)).length,
    snapshots: Number(counted?.snapshots ?? 0),
    checkedRows: Number(counted?.checked ?? 0),
    kept: listKept(runs),
  };
}

interface EndedRun {
  readonly runNo: number;
  readonly runId: string;
  /** Why it must be kept. */
  readonly why: KeptReason | null;
}

function listKept(runs: readonly EndedRun[]) {
  return runs.flatMap(({ runId, why }) => (why === null ? [] : [{ runId, why }]));
}

/** Not purged yet. A run that is paused or waits for a decision is `running`. */
async function listEndedRuns(db: Executor, scope: PurgeScope): Promise<EndedRun[]> {
  const { rows } = await sql<EndedRun>`
    select run_no as "runNo", run_id as "runId", ${whyKept(scope)} as why
    from runs where ${hasEnded(scope)} order by run_no`.execute(db);
  const retried = await retriedRunIds(db);
  return rows.map((run) =>
    run.why === null && retried.has(run.runId) ? { ...run, why: 'being_retried' } : run,
  );
}

/** A failed run that is started again stays `failed` until its key is reserved; its fence says when a step of it last began. */
const hasEnded = ({ before }: PurgeScope) =>
  sql<boolean>`(purged_at is null and state <> 'running'
    and greatest(coalesce(finished_at, started_at), to_timestamp(fence / 1000.0)) < ${before})`;

/** Only the run itself can find out what became of writes without an answer, once it is started again. */
const whyKept = ({ withUndelivered }: PurgeScope) => sql<KeptReason | null>`case
  when exists (select from writes where run_no = runs.run_no
    and (state in ('sending', 'unanswered', 'in_doubt') or ${maybeApplied()})) then 'unanswered_writes'
  when not ${withUndelivered}::boolean and exists (select from outbox where run_no = runs.run_no
    and delivered_at is null and merged_into is null) then 'undelivered_events' end`;

/** A failed run is given its file again when it is restarted, but nobody can hand over the rows of another run. */
async function retriedRunIds(db: Executor): Promise<ReadonlySet<string | undefined>> {
  const readers = await listReaders(db, ['running', 'failed'], { onlyStaging: true });
  return new Set(readers.map(({ source }) => source.retryOf));
}

/** From now on the run cannot be started again, and its counts are those stored here. False: it is needed again. */
async function markPurged(db: Executor, { runNo }: EndedRun, request: PurgeRequest): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await lockRun(tx, runNo);
    const { rows } = await sql<{ run_id: string }>`
      select run_id from runs where run_no = ${runNo} and ${hasEnded(request)}
        and ${whyKept(request)} is null`.execute(tx);
    const [run] = rows;
    // A retry that begins later reads `purged_at` once it has read the rows.
    if (!run || (await retriedRunIds(tx)).has(run.run_id)) return false;
    const counts = await countSettled(tx, runNo);
    await storeMeasures(tx, runNo);
    await tx
      .updateTable('runs')
      .set({ purged_at: sql`now()`, purged_counts: JSON.stringify(counts) })
      .where('run_no', '=', runNo)
      .execute();
    const data = { purgeId: request.purgeId, counts, requestedBy: request.requestedBy };
    await addAuditEntry(tx, { runId: run.run_id, action: 'run_purged', data });
    return true;
  });
}

/** Runs that are marked and still have rows: those just marked, and those of a purge that was killed. */
async function listMarkedRuns(db: Executor): Promise<readonly number[]> {
  const { rows } = await sql<{ run_no: number }>`
    select run_no from runs where purged_at is not null and (
      ${sql.join(
        PARTS.map(
          ({ table }) => sql`exists (select from ${sql.table(table)} part where part.run_no = runs.run_no)`,
        ),
        sql` or `,
      )}) order by run_no`.execute(db);
  return rows.map((row) => row.run_no);
}

/** The tables with rows of a run, and the column that numbers them within it. */
const PARTS = [
  // First, because an erasure finds by the messages which events name a person.
  { table: 'outbox', column: 'id', counted: 'events' },
  { table: 'email_events', column: 'event_key', counted: null },
  { table: 'email_consents', column: 'seq', counted: null },
  { table: 'email_messages', column: 'seq', counted: null },
  { table: 'email_jobs', column: 'job_id', counted: null },
  { table: 'records', column: 'seq', counted: 'records' },
  { table: 'outcomes', column: 'seq', counted: null },
  { table: 'record_blocks', column: 'first_seq', counted: null },
  { table: 'writes', column: 'id', counted: null },
  { table: 'cxone_messages', column: 'hash', counted: null },
  { table: 'selection_updates', column: 'run_no', counted: null },
  { table: 'capacity_reservations', column: 'run_no', counted: null },
] as const;

async function deleteRows(db: Executor, runNo: number, add: Add): Promise<void> {
  for (const { table, column, counted } of PARTS) {
    const [from, place] = [sql.table(table), sql.ref(column)];
    await repeat(
      () =>
        countDeleted(
          sql`delete from ${from} where run_no = ${runNo} and ${place} in (
          select ${place} from ${from} where run_no = ${runNo} order by ${place} limit ${ROWS_AT_ONCE})`,
          db,
        ),
      (n) => counted && add(counted, n),
    );
  }
}

async function deleteSuppressionSnapshots(db: Executor): Promise<void> {
  await markSnapshotsEmpty(db);
  await repeat(
    () => countDeleted(deleteSomeEntries(ROWS_AT_ONCE), db),
    () => undefined,
  );
  await deleteEmptySnapshots(db);
}

async function listOldDatasets(db: Executor, { before }: PurgeScope): Promise<readonly string[]> {
  const rows = await db.selectFrom('datasets').select('id').where('created_at', '<', before).execute();
  const readers = await listReaders(db, ['running']);
  const needed = new Set(readers.flatMap(({ datasets }) => datasets));
  return rows.map(({ id }) => id).filter((id) => !needed.has(id));
}

/** As a whole, because somebody may stage the same content again at this moment. */
function deleteDataset(db: Executor, id: string, { before }: PurgeScope): Promise<number> {
  return countDeleted(sql`delete from datasets where id = ${id} and created_at < ${before}`, db);
}

/** The newest of each campaign stays, because the next change is compared with it. */
function isOldSnapshot({ before }: PurgeScope, withoutRuns: readonly number[] = []) {
  return sql<boolean>`(read_at < ${before}
    and exists (select from campaign_snapshots newer where newer.tenant = snapshot.tenant
      and newer.campaign_id = snapshot.campaign_id and newer.read_at > snapshot.read_at)
    and not exists (select from selection_updates u where not u.run_no = any(${[...withoutRuns]}::int[])
      and (u.base_snapshot = snapshot.id or u.from_snapshot = snapshot.id)))`;
}

function deleteSnapshots(db: Executor, scope: PurgeScope): Promise<number> {
  return countDeleted(
    sql`delete from campaign_snapshots where id in (
    select id from campaign_snapshots snapshot where ${isOldSnapshot(scope)} order by id limit ${ROWS_AT_ONCE})`,
    db,
  );
}

async function listOldChecks(db: Executor, { before }: PurgeScope): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('eligibility_results')
    .select('check_id')
    .groupBy('check_id')
    .having((e) => e(e.fn.max('checked_at'), '<', before))
    .execute();
  return rows.map((row) => row.check_id);
}

function deleteChecked(db: Executor, checkId: string): Promise<number> {
  return countDeleted(
    sql`delete from eligibility_results where check_id = ${checkId} and seq in (
    select seq from eligibility_results where check_id = ${checkId} order by seq limit ${ROWS_AT_ONCE})`,
    db,
  );
}

async function countDeleted(statement: ReturnType<typeof sql>, db: Executor): Promise<number> {
  const { numAffectedRows = 0n } = await statement.execute(db);
  return Number(numAffectedRows);
}

/** Until a transaction finds nothing more to delete. */
async function repeat(deleteSome: () => Promise<number>, onDeleted: (n: number) => void): Promise<void> {
  for (let n = await deleteSome(); n > 0; n = await deleteSome()) onDeleted(n);
}
