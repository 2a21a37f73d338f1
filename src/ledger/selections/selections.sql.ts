/** Selection updates in PostgreSQL. */
import { sql } from 'kysely';
import { diffSelections } from '../../domain/selection-update/diff.ts';
import { readSelection } from '../../domain/selection-update/selection.ts';
import type { Database, Executor } from '../database.ts';
import { fenced, toRunNo } from '../fence.ts';
import type { CampaignKey } from './campaigns.ts';
import type {
  CampaignUpdate,
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
    history: (campaign, limit) => history(db, campaign, limit),
    metrics: (campaign) => metrics(db, campaign),
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
  await sql`select from runs where run_no = ${runNo} for update`.execute(tx);
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
): Promise<CampaignUpdate[]> {
  const { rows } = await sql<HistoryRow>`
    select r.run_id as "runId", r.state, r.dry_run as "dryRun", r.requested_by as "requestedBy",
      r.started_at as "startedAt", r.finished_at as "finishedAt",
      coalesce(o.outcome, 'pending') as outcome, u.differences, f.selection as before, u.sent,
      coalesce(f.version, b.version) as "versionBefore", u.version_after as "versionAfter"
    from selection_updates u join runs r using (run_no)
      join campaign_snapshots b on b.id = u.base_snapshot
      left join campaign_snapshots f on f.id = u.from_snapshot
      left join outcomes o on o.run_no = u.run_no and o.seq = ${THE_SELECTION}
    where u.tenant = ${tenant} and u.campaign_id = ${campaignId}
    order by u.run_no desc limit ${limit}`.execute(db);
  return rows.map(toCampaignUpdate);
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

async function metrics(db: Executor, { tenant, campaignId }: CampaignKey): Promise<SelectionMetrics> {
  const { rows } = await sql<{ latency: number | null; total: number; succeeded: number }>`
    with updates as (select run_no from selection_updates where tenant = ${tenant} and campaign_id = ${campaignId})
    select (select avg(latency_ms)::float from writes join updates using (run_no)) as latency,
      count(*) filter (where outcome <> 'existing' and outcome <> 'cancelled')::int as total,
      count(*) filter (where outcome = 'updated')::int as succeeded
    from outcomes join updates using (run_no)`.execute(db);
  const { latency, total, succeeded } = rows[0] ?? { latency: null, total: 0, succeeded: 0 };
  return {
    averageLatency: twoDecimals(latency ?? 0),
    successRate: total === 0 ? 0 : twoDecimals((succeeded / total) * 100),
    totalOperations: total,
  };
}

const twoDecimals = (value: number): number => Math.round(value * 100) / 100;
