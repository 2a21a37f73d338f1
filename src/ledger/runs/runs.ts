/** The runs: one row each, from the first word to the result. */
import { type Selectable, sql } from 'kysely';
import {
  type Counts,
  isConserved,
  OUTCOMES,
  type Outcome,
  type Phase,
  type RunState,
  type Steering,
  sumOutcomes,
} from '../../domain/run.ts';
import type { Database } from '../database.ts';
import type { RunSource, RunsTable } from '../schema.ts';

export type Run = Selectable<RunsTable>;

export interface OpenRun {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  readonly again: boolean;
  readonly dryRun: boolean;
  readonly requestedBy: string | null;
  readonly input: unknown;
}

/** `ended`: this run id has ended before, and not in a failure. Whatever the kind, a known run was not changed. */
export type Opened = { readonly kind: 'opened' | 'reopened' | 'ended'; readonly run: Run };

export type Reservation = { readonly kind: 'reserved' } | { readonly kind: 'taken'; readonly by: string };

const UNIQUE_VIOLATION = '23505';

export function createRuns({ db }: Database) {
  const find = async (runId: string): Promise<Run | undefined> =>
    db.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirst();

  return {
    find,

    async get(runId: string): Promise<Run> {
      const run = await find(runId);
      if (!run) throw new Error(`run ${runId} is not in the ledger`);
      return run;
    },

    async list(limit: number): Promise<Run[]> {
      return db.selectFrom('runs').selectAll().orderBy('started_at', 'desc').limit(limit).execute();
    },

    /** Same run id, unfinished or failed: goes on where it was. A new one is in the audit with it. Repeatable. */
    async open(run: OpenRun): Promise<Opened> {
      const { kind, target, requestedBy, again, dryRun } = run;
      const told = JSON.stringify({ kind, target, requestedBy, again, dryRun });
      const inserted = await db
        .with('opened', (with_) =>
          with_
            .insertInto('runs')
            .values({
              run_id: run.runId,
              kind,
              target,
              again,
              dry_run: dryRun,
              requested_by: requestedBy,
              input: JSON.stringify(run.input),
            })
            .onConflict((conflict) => conflict.column('run_id').doNothing())
            .returningAll(),
        )
        // In the same statement: a worker that dies after it finds a run that is there, and would call it reopened.
        .with('told', (with_) =>
          with_
            .insertInto('audit_pending')
            .columns(['run_id', 'action', 'data'])
            .expression((e) =>
              e
                .selectFrom('opened')
                .select([
                  'run_id',
                  sql.lit('run_opened').as('action'),
                  sql<string>`${told}::json`.as('data'),
                ]),
            ),
        )
        .selectFrom('opened')
        .selectAll()
        .executeTakeFirst();
      if (inserted) return { kind: 'opened', run: inserted };
      const known = await find(run.runId);
      if (!known) throw new Error(`run ${run.runId} was neither new nor known`);
      if (known.state !== 'running' && known.state !== 'failed') return { kind: 'ended', run: known };
      return { kind: 'reopened', run: known };
    },

    /** A run that is started again goes on by the input that it is given now. */
    async renewInput({ runId, target, again, dryRun, requestedBy, input }: OpenRun): Promise<void> {
      await db
        .updateTable('runs')
        .set({ target, again, dry_run: dryRun, requested_by: requestedBy, input: JSON.stringify(input) })
        .where('run_id', '=', runId)
        .where('state', 'in', ['running', 'failed'])
        .execute();
    },

    /**
     * Claims the business key. The unique index decides, so two starts at the same moment cannot both win.
     * A failed run that is started again becomes `running` here.
     */
    async reserveBusinessKey(runNo: number, businessKey: string): Promise<Reservation> {
      try {
        const { numUpdatedRows } = await db
          .updateTable('runs')
          .set({
            business_key: businessKey,
            state: 'running',
            failure: null,
            result: null,
            finished_at: null,
          })
          .where('run_no', '=', runNo)
          // An attempt that outlived its run must not raise it from the dead.
          .where('state', 'in', ['running', 'failed'])
          .executeTakeFirst();
        if (numUpdatedRows === 0n) throw new Error('the run has ended');
        return { kind: 'reserved' };
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error) || error.code !== UNIQUE_VIOLATION) throw error;
        const other = await db
          .selectFrom('runs')
          .select('run_id')
          .where('business_key', '=', businessKey)
          .where('again', '=', false)
          .where('dry_run', '=', false)
          .where('state', 'in', ['running', 'completed'])
          .executeTakeFirst();
        return { kind: 'taken', by: other?.run_id ?? 'a run that ended just now' };
      }
    },

    /** How many runs of this key ended without writing all of it: the next one's default id counts on. */
    async countEndedEarly(businessKey: string): Promise<number> {
      const { n } = await db
        .selectFrom('runs')
        .select((e) => e.fn.countAll<string>().as('n'))
        // One that ended before its source was read has the key as its id only.
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
    },

    /** Every run of this key but dry runs, whatever its state: how many there are, and the newest. */
    async summarizeKey(
      key: string,
    ): Promise<{ count: number; newest: { runId: string; state: string } | null }> {
      const { rows } = await sql<{ runId: string; state: string }>`
        select run_id as "runId", state from runs
        where not dry_run and (run_id = ${key} or starts_with(run_id, ${`${key}:`}))
        order by run_no desc`.execute(db);
      return { count: rows.length, newest: rows[0] ?? null };
    },

    async setSource(runNo: number, source: RunSource): Promise<void> {
      await db
        .updateTable('runs')
        .set({ source: JSON.stringify(source) })
        .where('run_no', '=', runNo)
        .execute();
    },

    async setPhase(runNo: number, phase: Phase, waitingFor: string | null): Promise<void> {
      await db
        .updateTable('runs')
        .set({ phase, waiting_for: waitingFor })
        .where('run_no', '=', runNo)
        .execute();
    },

    async setPlan(runNo: number, plan: unknown, planHash: string): Promise<void> {
      await db
        .updateTable('runs')
        .set({ plan: JSON.stringify(plan), plan_hash: planHash })
        .where('run_no', '=', runNo)
        .execute();
    },

    /** Waits for the claims of this moment; once it returns, no further write is claimed by any worker. */
    async steer(runNo: number, steering: Steering): Promise<void> {
      await sql`select steer_run(${runNo}, ${steering})`.execute(db);
    },

    async close(runNo: number, state: RunState, result: unknown, failure: unknown): Promise<void> {
      await db
        .updateTable('runs')
        .set({
          state,
          phase: 'done',
          waiting_for: null,
          finished_at: sql`coalesce(finished_at, now())`,
          result: result === null ? null : JSON.stringify(result),
          failure: failure === null ? null : JSON.stringify(failure),
        })
        .where('run_no', '=', runNo)
        .execute();
    },

    /** Cheap and current: what staging and the end settled, plus what each write settled. */
    async counts(runNo: number): Promise<Counts> {
      const { rows } = await sql<{ outcome: Outcome; n: string }>`
        select outcome, sum(n) as n from (
          select key as outcome, value::int as n from runs, json_each_text(staged_counts) where run_no = ${runNo}
          union all
          select 'cancelled', cancelled_records from runs where run_no = ${runNo}
          union all
          -- Most writes have one of a few counts: each is read once, or a run of a million would be long at it.
          select key, value::int * writes from (
            select counts::text, count(*) as writes from writes
            where run_no = ${runNo} and counts is not null group by 1) alike, json_each_text(alike.counts::json)) settled
        group by outcome`.execute(db);
      return withTotal(db, runNo, rows);
    },

    /** From the outcomes themselves: slower for a million records, and the truth that reports state. */
    async exactCounts(runNo: number): Promise<Counts> {
      const { rows } = await sql<{
        total: number;
        parts: Partial<Record<Outcome | 'pending', number>> | null;
      }>`
        select coalesce(total, staged_through) as total, (
          select json_object_agg(outcome, n) from (
            select coalesce(o.outcome, 'pending') as outcome, count(*) as n
            from (select seq from records where run_no = ${runNo}) r
            full join (select seq, outcome from outcomes where run_no = ${runNo}) o using (seq)
            group by 1) settled) as parts
        from runs where run_no = ${runNo}`.execute(db);
      const { total, parts } = rows[0] ?? { total: 0, parts: null };
      const counts: Counts = { total, ...parts, pending: parts?.pending ?? 0 };
      // A record that was lost, or an outcome without one: wrong numbers must not be told.
      if (!isConserved(counts)) throw new Error(`the parts of run ${runNo} do not add up`);
      return counts;
    },
  };
}

async function withTotal(
  db: Database['db'],
  runNo: number,
  rows: readonly { outcome: Outcome; n: string }[],
): Promise<Counts> {
  const run = await db
    .selectFrom('runs')
    .select(['total', 'staged_through'])
    .where('run_no', '=', runNo)
    .executeTakeFirstOrThrow();
  const total = run.total ?? run.staged_through;
  const outcomes: Partial<Record<Outcome, number>> = {};
  for (const outcome of OUTCOMES) {
    const n = rows.find((row) => row.outcome === outcome)?.n;
    if (n !== undefined && Number(n) > 0) outcomes[outcome] = Number(n);
  }
  return { total, pending: total - sumOutcomes(outcomes), ...outcomes };
}

export type Runs = ReturnType<typeof createRuns>;
