/** Selection updates in PostgreSQL. */
import { sql } from 'kysely';
import { percentOf, twoDecimals } from '../../domain/numbers.ts';
import { diffSelections } from '../../domain/selection-update/diff.ts';
import { readSelection } from '../../domain/selection-update/selection.ts';
import type { Database, Executor } from '../database.ts';
import { fenced, toRunNo } from '../fence.ts';
import { oneAtATime } from '../locks.ts';
import { MEASURES } from '../runs/metrics.sql.ts';
import type { CampaignKey } from './campaigns.ts';
import type {
  CampaignUpdate,
  EndingRun,
  PlannedSelection,
  SelectionMetrics,
  Selections,
  SelectionUpdate,
} from './selections.ts';
import { claimSelection, insertSuccessor, settleSelection } from './writes.sql.ts';
import { THE_SELECTION } from './writes.ts';

export function createSelections({ db }: Database): Selections {
  return {
    find: (runNo) => find(db, runNo),
    get: (runNo) => get(db, runNo),
    async plan(planned) {
      await fenced(db, planned.run, (tx, runNo) => plan(tx, { ...planned, runNo }));
      return get(db, toRunNo(planned.run));
    },
    claim: (claim) => claimSelection(db, claim),
    saveConflicts: (run, conflicts) => fenced(db, run, (tx, runNo) => saveConflicts(tx, runNo, conflicts)),
    settle: (settlement) => db.transaction().execute((tx) => settleSelection(tx, settlement)),
    history: (campaign, limit, before) => history(db, campaign, limit, before),
    countUpdates: (campaign, before) => countUpdates(db, campaign, before),
    metrics: (campaignId, ending) => metrics(db, campaignId, ending),
  };
}

async function find(db: Executor, runNo: number): Promise<SelectionUpdate | undefined> {
  return db.selectFrom('selection_updates').selectAll().where('run_no', '=', runNo).executeTakeFirst();
}

async function get(db: Executor, runNo: number): Promise<SelectionUpdate> {
  const update = await find(db, runNo);
  if (!update) throw new Error(`run ${runNo} has not been planned`);
  return update;
}

type Planned = Omit<PlannedSelection, 'run'> & { readonly runNo: number };

async function plan(tx: Executor, planned: Planned): Promise<void> {
  const { runNo } = planned;
  // One planner at a time.
  await oneAtATime(tx, runNo);
  await insertPlanned(tx, planned);
  await insertRecord(tx, planned);
  await reopenFailed(tx, runNo);
  await insertMissingWrite(tx, runNo);
}

async function insertPlanned(tx: Executor, planned: Planned): Promise<void> {
  await tx
    .insertInto('selection_updates')
    .values({
      run_no: planned.runNo,
      tenant: planned.tenant,
      campaign_id: planned.campaignId,
      base_snapshot: planned.baseSnapshot,
      base: JSON.stringify(planned.base),
      desired: JSON.stringify(planned.desired),
      differences: JSON.stringify(planned.differences),
    })
    .onConflict((conflict) => conflict.column('run_no').doNothing())
    .execute();
}

async function insertRecord(tx: Executor, { runNo, campaignId }: Planned): Promise<void> {
  const fields = JSON.stringify({ campaignId });
  await sql`insert into records (run_no, seq, line, fields, record, key1)
    values (${runNo}, ${THE_SELECTION}, 1, ${fields}, ${fields}, ${campaignId}) on conflict do nothing`.execute(
    tx,
  );
  await sql`update runs set staged_through = 1, total = 1, staged_counts = '{}' where run_no = ${runNo}`.execute(
    tx,
  );
}

/** What the run failed with before is open again. */
async function reopenFailed(tx: Executor, runNo: number): Promise<void> {
  await sql`delete from outcomes where run_no = ${runNo} and outcome in ('conflict', 'rejected')`.execute(tx);
  await sql`update writes set counts = '{}' where run_no = ${runNo} and state = 'settled'
    and counts::jsonb ?| array['conflict', 'rejected']`.execute(tx);
}

/** A run without an outcome has exactly one write that is not settled. */
async function insertMissingWrite(tx: Executor, runNo: number): Promise<void> {
  const { rows } = await sql<{ last: string | null }>`
    select (select max(id) from writes where run_no = ${runNo}) as last
    where not exists (select 1 from outcomes where run_no = ${runNo}) and not exists
      (select 1 from writes where run_no = ${runNo} and state <> 'settled')`.execute(tx);
  if (rows[0]) await insertSuccessor(tx, runNo, { after: rows[0].last, isDecided: false });
}

async function saveConflicts(db: Executor, runNo: number, conflicts: unknown): Promise<void> {
  await db
    .updateTable('selection_updates')
    .set({ conflicts: JSON.stringify(conflicts) })
    .where('run_no', '=', runNo)
    .execute();
}

interface HistoryRow extends Omit<CampaignUpdate, 'versionBefore' | 'versionAfter'> {
  readonly versionBefore: string | null;
  readonly versionAfter: string | null;
  readonly before: unknown;
  readonly sent: unknown;
}

async function history(
  db: Executor,
  { tenant, campaignId }: CampaignKey,
  limit: number,
  before: number | undefined,
): Promise<CampaignUpdate[]> {
  const { rows } = await sql<HistoryRow>`
    select r.run_no as "runNo", r.run_id as "runId", r.state, r.dry_run as "dryRun", r.requested_by as "requestedBy",
      r.started_at as "startedAt", r.finished_at as "finishedAt",
      coalesce(o.outcome, 'pending') as outcome, u.differences, f.selection as before, u.sent,
      coalesce(f.version, b.version) as "versionBefore", u.version_after as "versionAfter"
    from selection_updates u join runs r using (run_no)
      join campaign_snapshots b on b.id = u.base_snapshot
      left join campaign_snapshots f on f.id = u.from_snapshot
      left join outcomes o on o.run_no = u.run_no and o.seq = ${THE_SELECTION}
    where u.tenant = ${tenant} and u.campaign_id = ${campaignId}
      and (${before ?? null}::int is null or u.run_no < ${before ?? null})
    order by u.run_no desc limit ${limit}`.execute(db);
  return rows.map(toCampaignUpdate);
}

async function countUpdates(
  db: Executor,
  { tenant, campaignId }: CampaignKey,
  before: number,
): Promise<number> {
  const { n } = await db
    .selectFrom('selection_updates')
    .select((e) => e.fn.countAll<string>().as('n'))
    .where('tenant', '=', tenant)
    .where('campaign_id', '=', campaignId)
    .where('run_no', '<', before)
    .executeTakeFirstOrThrow();
  return Number(n);
}

/** A merge may have written less than was desired, and a decision about a conflict something else. */
function toCampaignUpdate({ before, sent, ...row }: HistoryRow): CampaignUpdate {
  const wasWritten = row.versionAfter !== null;
  return {
    ...row,
    differences: wasWritten ? diffSelections(readSelection(before), readSelection(sent)) : row.differences,
    versionBefore: row.versionBefore === null ? null : Number(row.versionBefore),
    versionAfter: row.versionAfter === null ? null : Number(row.versionAfter),
  };
}

/** Updates are found by their runs, because a run that failed before it was planned has no other row, and a purge leaves it. */
async function metrics(db: Executor, campaignId: string, ending?: EndingRun): Promise<SelectionMetrics> {
  const { rows } = await sql<{ succeeded: number; failed: number; requests: number; latencyMs: number }>`
    select count(*) filter (where succeeded)::int as succeeded,
      count(*) filter (where failed and not succeeded)::int as failed,
      coalesce(sum(requests), 0)::float8 as requests, coalesce(sum("latencyMs"), 0)::float8 as "latencyMs"
    from (
      select m.requests, m."latencyMs", m.outcomes->>'updated' is not null as succeeded,
        case when r.run_no = ${ending?.runNo ?? 0} then ${ending?.state ?? ''} else r.state end = 'failed'
          or m.outcomes->>'in_doubt' is not null as failed
      from runs r, ${MEASURES}
      where r.target = ${campaignId} and r.kind = 'selectionUpdate' and not r.dry_run) updates`.execute(db);
  const [sums] = rows;
  if (!sums) throw new Error(`no sums for campaign ${campaignId}`);
  const { succeeded, failed, requests, latencyMs } = sums;
  const totalOperations = succeeded + failed;
  return {
    averageLatency: requests === 0 ? null : twoDecimals(latencyMs / requests),
    successRate: percentOf(succeeded, totalOperations),
    totalOperations,
    successCount: succeeded,
    failureCount: failed,
  };
}
