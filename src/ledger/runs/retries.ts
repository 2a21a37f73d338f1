/** Runs that take up what an older run left undone (decisions.md 2). */
import { sql } from 'kysely';
import type { Outcome } from '../../domain/run.ts';
import { canonicalize, sha256 } from '../hashing.ts';
import type { Database } from '../database.ts';
import { maybeApplied } from '../writes/maybe-applied.ts';
import type { Run } from './runs.ts';

/** Never what is in doubt: it may stand in CXone. And the invalid only through a corrected file. */
export const RETRIED: readonly (Outcome | 'pending')[] = ['rejected', 'conflict', 'cancelled', 'pending'];

/**
 * The content of a retry: the same rows of the same run are the same content. A dry run left all of its rows, so they
 * are its source once more.
 */
export function retryContentSha256({ run_id: runId, dry_run, source }: Run): string {
  const of = source?.sha256 ?? null;
  return dry_run && of !== null ? of : sha256(canonicalize({ retryOf: runId, source: of }));
}

/** The run whose rows a run took up, by its input. */
export function retriedRunId({ input }: Pick<Run, 'input'>): string | null {
  const { source } = (input ?? {}) as { source?: { retryOf?: unknown } };
  return typeof source?.retryOf === 'string' ? source.retryOf : null;
}

export function createRetries({ db }: Database) {
  const leavesAny = async (runNo: number): Promise<boolean> => {
    const { rows } = await sql<{ any: boolean }>`
      select exists (
        select from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
        where r.run_no = ${runNo} and coalesce(o.outcome, 'pending') = any(${[...RETRIED]}::text[])) as any`.execute(
      db,
    );
    return rows[0]?.any === true;
  };

  /**
   * Records of writes that may have been applied although the records are pending: sent and not answered, or what was
   * made of such a write (doubts.ts). Only the run itself can find out.
   */
  const awaitingAnswers = async (runNo: number): Promise<number> => {
    const { rows } = await sql<{ n: number }>`
      select coalesce(sum(cardinality(seqs)), 0)::int as n from writes where run_no = ${runNo}
        and (state in ('sending', 'unanswered') or ${maybeApplied()})`.execute(db);
    return rows[0]?.n ?? 0;
  };

  return {
    /** Why a run cannot be retried now and what to do, to go on after its name; null: it can. */
    async findObstacle({ run_no: runNo, state }: Run): Promise<string | null> {
      if (state === 'running') return 'has not ended; cancel it, or wait for its end, then retry';
      const unknown = await awaitingAnswers(runNo);
      if (unknown > 0)
        return `has writes of ${unknown} records without an answer; start it again under its id: it goes on where it was, and finds out what became of them`;
      if (!(await leavesAny(runNo)))
        return `left nothing to retry: none of its rows is ${RETRIED.join(', ')}`;
      return null;
    },

    /**
     * Runs that took up rows of this one and may have written some of them, the oldest first. A dry run or a rejected
     * plan has written nothing.
     */
    async list(runId: string): Promise<{ runId: string; target: string; state: Run['state'] }[]> {
      const { rows } = await sql<{ runId: string; target: string; state: Run['state'] }>`
        select run_id as "runId", target, state from runs
        where input->'source'->>'retryOf' = ${runId} and not dry_run and state <> 'rejected'
          and (state in ('running', 'completed') or staged_through > 0)
        order by run_no`.execute(db);
      return rows;
    },
  };
}

export type Retries = ReturnType<typeof createRetries>;
