/** The runs in PostgreSQL. */
import { sql } from 'kysely';
import type { Phase, RunState, Steering } from '../../domain/run.ts';
import { addAuditEntry, toAuditId } from '../audit/entries.sql.ts';
import type { Database, Executor } from '../database.ts';
import { sqlState } from '../errors.ts';
import { type AttemptTime, fenced, type RunRef, Superseded } from '../fence.ts';
import { lockRun } from '../locks.ts';
import type { RunSource } from '../schema.ts';
import { countOutcomesOfRun, countSettled } from './counts.sql.ts';
import {
  closeEnded,
  executionColumns,
  listEarlierExecutions,
  listExecuting,
  watchAlone,
} from './executions.sql.ts';
import {
  type KeySummary,
  type Opened,
  type OpenRun,
  type Reservation,
  type Run,
  RunEnded,
  type Runs,
} from './runs.ts';

export function createRuns(database: Database): Runs {
  const { db } = database;
  return {
    watchAlone: (work) => watchAlone(database, work),
    listExecuting: (namespace, after, limit) => listExecuting(db, namespace, after, limit),
    listEarlierExecutions: (namespace, before, limit) => listEarlierExecutions(db, namespace, before, limit),
    closeEnded: (ended) => closeEnded(database, ended),
    find: (runId) => find(db, runId),
    get: (runId) => get(db, runId),
    list: (limit) => db.selectFrom('runs').selectAll().orderBy('started_at', 'desc').limit(limit).execute(),
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
    getSteering: (runNo) => getSteering(db, runNo),
    close: (run, state, result, failure) =>
      fenced(db, run, (tx, runNo) => close(tx, { runNo, state, result, failure })),
    counts: (runNo) => countSettled(db, runNo),
    exactCounts: (runNo) => countOutcomesOfRun(db, runNo),
  };
}

/** The states of a run that can be started again under its id. */
const OPEN: readonly Run['state'][] = ['running', 'failed'];
/** A run as it was before it failed. */
const RUNNING = { state: 'running', failure: null, result: null, finished_at: null } as const;

async function find(db: Executor, runId: string): Promise<Run | undefined> {
  return db.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirst();
}

async function get(db: Executor, runId: string): Promise<Run> {
  const run = await find(db, runId);
  if (!run) throw new Error(`run ${runId} is not in the ledger`);
  return run;
}

async function open(db: Executor, run: OpenRun): Promise<Opened> {
  const inserted = await insertRun(db, run);
  if (inserted) return { kind: 'opened', run: inserted };
  const known = await find(db, run.runId);
  if (!known) throw new Error(`run ${run.runId} was neither inserted nor found`);
  const isOpen = OPEN.includes(known.state) && known.purged_at === null;
  return { kind: isOpen ? 'reopened' : 'ended', run: known };
}

/**
 * With its audit entry, in one statement: a worker that died between two statements would leave a run that its successor
 * takes for a reopened one. Undefined: the run id is known.
 */
async function insertRun(db: Executor, run: OpenRun): Promise<Run | undefined> {
  const { runId, kind, target, requestedBy, again, dryRun, input, attempt = 0 } = run;
  const entry = JSON.stringify({ kind, target, requestedBy, again, dryRun });
  const values = {
    ...{ run_id: runId, kind, target, again, dry_run: dryRun, requested_by: requestedBy },
    input: JSON.stringify(input),
    ...executionColumns(run.execution),
    ...fencesOf(attempt),
  };
  const auditId = run.auditKey === undefined ? null : toAuditId(runId, run.auditKey);
  return db
    .with('opened', (query) =>
      query
        .insertInto('runs')
        .values(values)
        .onConflict((conflict) => conflict.column('run_id').doNothing())
        .returningAll(),
    )
    .with('audited', (query) =>
      query
        .insertInto('audit_pending')
        .columns(['audit_id', 'run_id', 'action', 'data'])
        .expression((e) =>
          e
            .selectFrom('opened')
            .select([
              sql<string>`coalesce(${auditId}::uuid, gen_random_uuid())`.as('audit_id'),
              ...(['run_id', sql.lit('run_opened').as('action')] as const),
              sql<string>`${entry}::json`.as('data'),
            ]),
        ),
    )
    .selectFrom('opened')
    .selectAll()
    .executeTakeFirst();
}

const fencesOf = (attempt: AttemptTime) => ({
  fence: attempt,
  steering_fence: attempt,
  phase_fence: attempt,
});

/**
 * Decisions about the previous execution ended with it. An erasure takes rows away from a failed run, which must not happen to
 * one that has just become `running`: hence the lock.
 */
async function reopen(tx: Executor, run: OpenRun): Promise<boolean> {
  const { runId, kind, target, again, dryRun, requestedBy, input, execution, attempt, auditKey } = run;
  const known = await find(tx, runId);
  if (known) await lockRun(tx, known.run_no);
  const { numUpdatedRows } = await tx
    .updateTable('runs')
    .set({ target, again, dry_run: dryRun, requested_by: requestedBy, input: JSON.stringify(input) })
    .set(executionColumns(execution))
    .set({ steering: 'go', ...(attempt !== undefined && fencesOf(attempt)) })
    .where('run_id', '=', runId)
    .where('state', 'in', OPEN)
    .where('purged_at', 'is', null)
    .$if(attempt !== undefined, (update) => update.where('fence', '<=', String(attempt)))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) {
    const current = await find(tx, runId);
    if (current && attempt !== undefined && Number(current.fence) > attempt) throw new Superseded();
    return false;
  }
  await tx
    .updateTable('runs')
    .set(RUNNING)
    .where('run_id', '=', runId)
    .where('state', '=', 'failed')
    .where('business_key', 'is', null)
    .execute();
  const data = { kind, target, requestedBy, again, dryRun };
  await addAuditEntry(tx, { runId, action: 'run_reopened', data, key: auditKey });
  return true;
}

async function takeOver(db: Executor, runId: string, attempt: AttemptTime): Promise<Run> {
  const run = await db
    .updateTable('runs')
    .set({ fence: attempt })
    .where('run_id', '=', runId)
    .where('fence', '<=', String(attempt))
    .returningAll()
    .executeTakeFirst();
  if (run) return run;
  await get(db, runId);
  throw new Superseded();
}

async function reserveBusinessKey(db: Executor, run: RunRef, businessKey: string): Promise<Reservation> {
  try {
    await fenced(db, run, async (tx, runNo) => {
      // As in `reopen`: this too makes a failed run `running`.
      await lockRun(tx, runNo);
      const { numUpdatedRows } = await tx
        .updateTable('runs')
        .set({ ...RUNNING, business_key: businessKey })
        .where('run_no', '=', runNo)
        .where('state', 'in', OPEN)
        .where('purged_at', 'is', null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw new RunEnded();
    });
    return { kind: 'reserved' };
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
    return { kind: 'taken', by: (await findOwner(db, businessKey)) ?? 'a run that ended just now' };
  }
}

const UNIQUE_VIOLATION = '23505';

/** The same condition as that of the unique index. */
async function findOwner(db: Executor, businessKey: string): Promise<string | undefined> {
  const owner = await db
    .selectFrom('runs')
    .select('run_id')
    .where('business_key', '=', businessKey)
    .where('again', '=', false)
    .where('dry_run', '=', false)
    .where('state', 'in', ['running', 'completed'])
    .executeTakeFirst();
  return owner?.run_id;
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
}

function updateRun(db: Executor, runNo: number) {
  return db.updateTable('runs').where('run_no', '=', runNo);
}
