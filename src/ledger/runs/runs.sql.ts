/** The runs in PostgreSQL. */
import { sql } from 'kysely';
import type { Phase, RunState, Steering } from '../../domain/run.ts';
import { readTogether } from '../coalesce.ts';
import type { Database, Executor } from '../database.ts';
import { type AttemptTime, fenced, Superseded } from '../fence.ts';
import type { RunSource } from '../schema.ts';
import { releaseReservation } from './capacity.sql.ts';
import { countOutcomesOfRun, countSettled, countSettledOf } from './counts.sql.ts';
import { closeEnded, listEarlierExecutions, listExecuting, watchAlone } from './executions.sql.ts';
import { storeMeasures } from './metrics.sql.ts';
import { findRun, get, open, reopen, reserveBusinessKey, takeOver } from './opening.sql.ts';
import type { KeySummary, RunFilter, Runs } from './runs.ts';
import { emptySnapshots } from './suppression-entries.sql.ts';

export function createRuns(database: Database): Runs {
  const { db } = database;
  return {
    watchAlone: (work) => watchAlone(database, work),
    listExecuting: (namespace, after, limit) => listExecuting(db, namespace, after, limit),
    listEarlierExecutions: (namespace, before, limit) => listEarlierExecutions(db, namespace, before, limit),
    closeEnded: (ended) => closeEnded(database, ended),
    find: (runId) => findRun(db, runId),
    get: (runId) => get(db, runId),
    listIds: (beginning, limit) => listIds(db, beginning, limit),
    list: (limit, filter = {}) =>
      selectRuns(db, filter).selectAll().orderBy('run_no', 'desc').limit(limit).execute(),
    count: async (filter) => {
      const counted = selectRuns(db, filter).select((e) => e.fn.countAll<string>().as('n'));
      return Number((await counted.executeTakeFirstOrThrow()).n);
    },
    open: (run) => open(db, run),
    reopen: (run) => db.transaction().execute((tx) => reopen(tx, run)),
    takeOver: (runId, attempt) => takeOver(db, runId, attempt),
    reserveBusinessKey: (run, businessKey) => reserveBusinessKey(db, run, businessKey),
    countEndedEarly: (businessKey) => countEndedEarly(db, businessKey),
    summarizeKey: (businessKey) => summarizeKey(db, businessKey),
    setSource: (run, source) => fenced(db, run, (tx, runNo) => setSource(tx, runNo, source)),
    setPhase: (runNo, phase, waitingFor, attempt) => setPhase(db, runNo, { phase, waitingFor, attempt }),
    setPlan: (run, plan, planHash) => fenced(db, run, (tx, runNo) => setPlan(tx, runNo, plan, planHash)),
    steer: (runNo, steering, attempt) => steer(db, runNo, steering, attempt),
    // Each lookup of each write in flight asks.
    getSteering: readTogether((runNo: number) => getSteering(db, runNo)),
    close: (run, state, result, failure) =>
      fenced(db, run, (tx, runNo) => close(tx, { runNo, state, result, failure })),
    counts: (runNo) => countSettled(db, runNo),
    countsOf: (runNos) => countSettledOf(db, runNos),
    exactCounts: (runNo) => countOutcomesOfRun(db, runNo),
  };
}

function selectRuns(db: Executor, { kind, target, state, phases, since, before }: RunFilter) {
  let runs = db.selectFrom('runs');
  if (kind !== undefined) runs = runs.where('kind', '=', kind);
  if (target !== undefined) runs = runs.where('target', '=', target);
  if (state !== undefined) runs = runs.where('state', '=', state);
  if (phases !== undefined) runs = runs.where('state', '=', 'running').where('phase', 'in', [...phases]);
  if (since !== undefined) runs = runs.where('started_at', '>=', since);
  return before === undefined ? runs : runs.where('run_no', '<', before);
}

async function listIds(db: Executor, beginning: string, limit: number): Promise<string[]> {
  const { rows } = await sql<{ run_id: string }>`
    select run_id from runs where starts_with(run_id, ${beginning}) order by run_no desc limit ${limit}`.execute(
    db,
  );
  return rows.map(({ run_id: runId }) => runId);
}

async function countEndedEarly(db: Executor, businessKey: string): Promise<number> {
  const { n } = await db
    .selectFrom('runs')
    .select((e) => e.fn.countAll<string>().as('n'))
    // A run that ended before its source was read has the key only as a part of its id.
    .where((e) =>
      e.or([
        e('business_key', '=', businessKey),
        e('run_id', '=', businessKey),
        e(sql<boolean>`starts_with(run_id, ${`${businessKey}:`})`, '=', true),
      ]),
    )
    .where('dry_run', '=', false)
    .where('state', 'in', ['rejected', 'cancelled'])
    .executeTakeFirstOrThrow();
  return Number(n);
}

async function summarizeKey(db: Executor, businessKey: string): Promise<KeySummary> {
  const { rows } = await sql<{ runId: string; state: string }>`
    select run_id as "runId", state from runs
    where not dry_run and (run_id = ${businessKey} or starts_with(run_id, ${`${businessKey}:`}))
    order by run_no desc`.execute(db);
  return { count: rows.length, newest: rows[0] ?? null };
}

async function setSource(db: Executor, runNo: number, source: RunSource): Promise<void> {
  await updateRun(db, runNo)
    .set({ source: JSON.stringify(source) })
    .execute();
}

interface PhaseChange {
  readonly phase: Phase;
  readonly waitingFor: string | null;
  readonly attempt: AttemptTime | undefined;
}

async function setPhase(db: Executor, runNo: number, change: PhaseChange): Promise<void> {
  const { phase, waitingFor, attempt } = change;
  await updateRun(db, runNo)
    .set({ phase, waiting_for: waitingFor, ...(attempt !== undefined && { phase_fence: attempt }) })
    .$if(attempt !== undefined, (update) => update.where('phase_fence', '<=', String(attempt)))
    .execute();
}

async function setPlan(db: Executor, runNo: number, plan: unknown, planHash: string): Promise<void> {
  await updateRun(db, runNo)
    .set({ plan: JSON.stringify(plan), plan_hash: planHash })
    .execute();
}

async function steer(db: Executor, runNo: number, steering: Steering, attempt?: AttemptTime): Promise<void> {
  const { rows } = await sql<{ is_current: boolean }>`
    select steer_run(${runNo}, ${steering}, ${attempt ?? null}::bigint) as is_current`.execute(db);
  if (!rows[0]?.is_current) throw new Superseded();
}

async function getSteering(db: Executor, runNo: number): Promise<Steering> {
  const run = await db
    .selectFrom('runs')
    .select('steering')
    .where('run_no', '=', runNo)
    .executeTakeFirstOrThrow();
  return run.steering;
}

interface End {
  readonly runNo: number;
  readonly state: RunState;
  readonly result: unknown;
  readonly failure: unknown;
}

async function close(db: Executor, { runNo, state, result, failure }: End): Promise<void> {
  await updateRun(db, runNo)
    .set({
      state,
      phase: 'done',
      phase_fence: sql`greatest(phase_fence, fence)`,
      waiting_for: null,
      finished_at: sql`coalesce(finished_at, now())`,
      result: result === null ? null : JSON.stringify(result),
      failure: failure === null ? null : JSON.stringify(failure),
    })
    .execute();
  await releaseReservation(db, runNo);
  if (state === 'failed') return;
  await storeMeasures(db, runNo);
  await emptySnapshots(db, runNo);
}

function updateRun(db: Executor, runNo: number) {
  return db.updateTable('runs').where('run_no', '=', runNo);
}
