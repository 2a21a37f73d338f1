/** How a run begins, begins again, and is taken over. */
import { sql } from 'kysely';
import { addAuditEntry, toAuditId } from '../audit/entries.sql.ts';
import type { Executor } from '../database.ts';
import { sqlState } from '../errors.ts';
import { type AttemptTime, fenced, type RunRef, Superseded } from '../fence.ts';
import { lockRun } from '../locks.ts';
import {
  type Execution,
  type Opened,
  type OpenRun,
  type Reservation,
  type Run,
  RunEnded,
  RunMissing,
} from './runs.ts';

/** The states of a run that can be started again under its id. */
const OPEN: readonly Run['state'][] = ['running', 'failed'];
/** A run as it was before it failed. */
const RUNNING = { state: 'running', failure: null, result: null, finished_at: null } as const;

export async function findRun(db: Executor, runId: string): Promise<Run | undefined> {
  return db.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirst();
}

export async function get(db: Executor, runId: string): Promise<Run> {
  const run = await findRun(db, runId);
  if (!run) throw new RunMissing(runId);
  return run;
}

export async function open(db: Executor, run: OpenRun): Promise<Opened> {
  const inserted = await insertRun(db, run);
  if (inserted) return { kind: 'opened', run: inserted };
  const known = await findRun(db, run.runId);
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
    opened_at: toMoment(run.openedAt),
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

const toMoment = (ms: number | undefined) => (ms === undefined ? sql<Date>`now()` : new Date(ms));

const executionColumns = (execution: Execution | undefined) => ({
  namespace: execution?.namespace ?? null,
  execution_id: execution?.id ?? null,
});

/**
 * Decisions about the previous execution ended with it. An erasure takes rows away from a failed run, which must not happen to
 * one that has just become `running`: hence the lock.
 */
export async function reopen(tx: Executor, run: OpenRun): Promise<boolean> {
  const { runId, kind, target, again, dryRun, requestedBy, input, execution, attempt, openedAt, auditKey } =
    run;
  const known = await findRun(tx, runId);
  if (known) await lockRun(tx, known.run_no);
  const { numUpdatedRows } = await tx
    .updateTable('runs')
    .set({ target, again, dry_run: dryRun, requested_by: requestedBy, input: JSON.stringify(input) })
    .set(executionColumns(execution))
    .set({ opened_at: toMoment(openedAt) })
    .set({ steering: 'go', ...(attempt !== undefined && fencesOf(attempt)) })
    .where('run_id', '=', runId)
    .where('state', 'in', OPEN)
    .where('purged_at', 'is', null)
    .$if(attempt !== undefined, (update) => update.where('fence', '<=', String(attempt)))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) {
    const current = await findRun(tx, runId);
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

export async function takeOver(db: Executor, runId: string, attempt: AttemptTime): Promise<Run> {
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

export async function reserveBusinessKey(
  db: Executor,
  run: RunRef,
  businessKey: string,
): Promise<Reservation> {
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
    const { by = 'a run that ended just now', isRunning = false } = (await findOwner(db, businessKey)) ?? {};
    return { kind: 'taken', by, isRunning };
  }
}

const UNIQUE_VIOLATION = '23505';

/** The same condition as that of the unique index. */
function findOwner(db: Executor, businessKey: string) {
  return db
    .selectFrom('runs')
    .select(['run_id as by', sql<boolean>`state = 'running'`.as('isRunning')])
    .where('business_key', '=', businessKey)
    .where('again', '=', false)
    .where('dry_run', '=', false)
    .where('state', 'in', ['running', 'completed'])
    .executeTakeFirst();
}
