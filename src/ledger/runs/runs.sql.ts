/** The runs in PostgreSQL. */
import { sql } from 'kysely';
import type { Phase, RunState, Steering } from '../../domain/run.ts';
import type { Database, Executor } from '../database.ts';
import type { RunSource } from '../schema.ts';
import { countOutcomesOfRun, countSettled } from './counts.sql.ts';
import type { KeySummary, Opened, OpenRun, Reservation, Run, Runs } from './runs.ts';

export function createRuns({ db }: Database): Runs {
  return {
    find: (runId) => find(db, runId),
    async get(runId) {
      const run = await find(db, runId);
      if (!run) throw new Error(`run ${runId} is not in the ledger`);
      return run;
    },
    list: (limit) => db.selectFrom('runs').selectAll().orderBy('started_at', 'desc').limit(limit).execute(),
    open: (run) => open(db, run),
    reopen: (run) => db.transaction().execute((tx) => reopen(tx, run)),
    reserveBusinessKey: (runNo, businessKey) => reserveBusinessKey(db, runNo, businessKey),
    countEndedEarly: (businessKey) => countEndedEarly(db, businessKey),
    summarizeKey: (businessKey) => summarizeKey(db, businessKey),
    setSource: (runNo, source) => setSource(db, runNo, source),
    setPhase: (runNo, phase, waitingFor) => setPhase(db, runNo, phase, waitingFor),
    setPlan: (runNo, plan, planHash) => setPlan(db, runNo, plan, planHash),
    steer: (runNo, steering) => steer(db, runNo, steering),
    getSteering: (runNo) => getSteering(db, runNo),
    close: (runNo, state, result, failure) => close(db, { runNo, state, result, failure }),
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

async function open(db: Executor, run: OpenRun): Promise<Opened> {
  const inserted = await insertRun(db, run);
  if (inserted) return { kind: 'opened', run: inserted };
  const known = await find(db, run.runId);
  if (!known) throw new Error(`run ${run.runId} was neither inserted nor found`);
  return { kind: OPEN.includes(known.state) ? 'reopened' : 'ended', run: known };
}

/**
 * With its audit entry, in one statement: a worker that died between two statements would leave a run that its successor
 * takes for a reopened one. Undefined: the run id is known.
 */
async function insertRun(db: Executor, run: OpenRun): Promise<Run | undefined> {
  const { runId, kind, target, requestedBy, again, dryRun, input } = run;
  const entry = JSON.stringify({ kind, target, requestedBy, again, dryRun });
  const values = {
    ...{ run_id: runId, kind, target, again, dry_run: dryRun, requested_by: requestedBy },
    input: JSON.stringify(input),
  };
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
        .columns(['run_id', 'action', 'data'])
        .expression((e) =>
          e
            .selectFrom('opened')
            .select(['run_id', sql.lit('run_opened').as('action'), sql<string>`${entry}::json`.as('data')]),
        ),
    )
    .selectFrom('opened')
    .selectAll()
    .executeTakeFirst();
}

async function reopen(
  tx: Executor,
  { runId, target, again, dryRun, requestedBy, input }: OpenRun,
): Promise<void> {
  await tx
    .updateTable('runs')
    .set({ target, again, dry_run: dryRun, requested_by: requestedBy, input: JSON.stringify(input) })
    .where('run_id', '=', runId)
    .where('state', 'in', OPEN)
    .execute();
  await tx
    .updateTable('runs')
    .set(RUNNING)
    .where('run_id', '=', runId)
    .where('state', '=', 'failed')
    .where('business_key', 'is', null)
    .execute();
}

async function reserveBusinessKey(db: Executor, runNo: number, businessKey: string): Promise<Reservation> {
  try {
    const { numUpdatedRows } = await db
      .updateTable('runs')
      .set({ ...RUNNING, business_key: businessKey })
      .where('run_no', '=', runNo)
      // An activity attempt that outlives its run must not reopen it.
      .where('state', 'in', OPEN)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw new Error('the run has ended');
    return { kind: 'reserved' };
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    return { kind: 'taken', by: (await findOwner(db, businessKey)) ?? 'a run that ended just now' };
  }
}

const UNIQUE_VIOLATION = '23505';

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION;
}

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

async function setPhase(db: Executor, runNo: number, phase: Phase, waitingFor: string | null): Promise<void> {
  await updateRun(db, runNo).set({ phase, waiting_for: waitingFor }).execute();
}

async function setPlan(db: Executor, runNo: number, plan: unknown, planHash: string): Promise<void> {
  await updateRun(db, runNo)
    .set({ plan: JSON.stringify(plan), plan_hash: planHash })
    .execute();
}

async function steer(db: Executor, runNo: number, steering: Steering): Promise<void> {
  await sql`select steer_run(${runNo}, ${steering})`.execute(db);
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
