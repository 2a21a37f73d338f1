/** What is open in the ledger, for monitoring (docs/operations.md). Counts and times only. */
import { sql } from 'kysely';
import type { Phase } from '../domain/run.ts';
import type { Database } from './database.ts';

export interface OpenWork {
  /** Runs that have not ended. */
  readonly runs: readonly RunsInPhase[];
  /** Runs that failed and were not started again since; operations without any are missing. */
  readonly failed: readonly { readonly kind: string; readonly count: number }[];
  /** Writes of runs that wait for a decision about them. */
  readonly writesInDoubt: number;
  /** Events that a subscriber has been sent in vain, of runs that have not ended or were started in the last two days. */
  readonly undeliveredEvents: number;
  /** How long the oldest of them has waited; 0 if there is none. */
  readonly oldestUndeliveredEventSeconds: number;
  /** Entries of the audit that are not part of its chain yet. */
  readonly unsealedAuditEntries: number;
  readonly oldestUnsealedAuditEntrySeconds: number;
  /** For how long a 429 still blocks the tenant; 0: it does not. */
  readonly rateBlockSeconds: number;
}

interface RunsInPhase {
  readonly kind: string;
  readonly phase: Phase;
  readonly count: number;
  /** How long the one that has been in this phase longest has been in it. */
  readonly longestSeconds: number;
}

/** In ms. Whoever asks for metrics does not wait longer, and a worker that shuts down has to wait for its statements. */
const LONGEST_MS = 4_000;

/**
 * Of writes and events there may be millions, so it looks only at those of few runs. The phase's fence is when the run entered
 * it, in ms.
 *
 * @internal
 */
export function readOpenWork({ db }: Database, tenant: string): Promise<OpenWork> {
  const ageSince = (time: string) =>
    sql`coalesce(extract(epoch from clock_timestamp() - ${sql.ref(time)}), 0)::float8`;
  return db.transaction().execute(async (tx) => {
    await sql`set local statement_timeout = ${sql.lit(LONGEST_MS)}`.execute(tx);
    const { rows } = await sql<OpenWork>`
      with running as materialized (select run_no, kind, phase, phase_fence from runs where state = 'running'),
        recent as materialized (
          select run_no from running
          union select run_no from runs where started_at > clock_timestamp() - interval '2 days'),
        by_phase as (
          select kind, phase, count(*)::int as count,
            greatest(0, extract(epoch from clock_timestamp()) - min(phase_fence) / 1000.0)::float8 as "longestSeconds"
          from running group by 1, 2),
        failed as (
          select kind, count(*)::int as count from runs where state = 'failed' and not dry_run group by 1),
        undelivered as (
          select count(*)::int as count, min(created_at) as oldest from outbox join recent using (run_no)
          where delivered_at is null and merged_into is null and attempts > 0),
        unsealed as (select count(*)::int as count, min(at) as oldest from audit_pending)
      select
        (select coalesce(json_agg(by_phase), '[]') from by_phase) as runs,
        (select coalesce(json_agg(failed), '[]') from failed) as failed,
        (select count(*)::int from writes join running using (run_no)
          where phase = 'in_doubt' and state = 'in_doubt') as "writesInDoubt",
        undelivered.count as "undeliveredEvents",
        ${ageSince('undelivered.oldest')} as "oldestUndeliveredEventSeconds",
        unsealed.count as "unsealedAuditEntries",
        ${ageSince('unsealed.oldest')} as "oldestUnsealedAuditEntrySeconds",
        coalesce((select greatest(0, extract(epoch from blocked_until - clock_timestamp())) from rate_budgets
          where tenant = ${tenant}), 0)::float8 as "rateBlockSeconds"
      from undelivered, unsealed`.execute(tx);
    const [row] = rows;
    if (!row) throw new Error('the database returned no row');
    return row;
  });
}

/** Connections of this process. */
export interface Connections {
  readonly busy: number;
  readonly idle: number;
  /** Statements that wait for a free one. */
  readonly waiting: number;
}

/** @internal */
export function countConnections({ pool }: Database): Connections {
  const { totalCount, idleCount, waitingCount } = pool;
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
}
