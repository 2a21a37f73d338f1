/** Retries in PostgreSQL. */

import { sql } from 'kysely';
import { plural } from '../../domain/numbers.ts';
import { RETRIED } from '../../domain/run.ts';
import type { Database, Executor } from '../database.ts';
import { maybeApplied } from '../writes/maybe-applied.sql.ts';
import { listRecords } from './records.sql.ts';
import { type Retries, type Retry, retriedRunId } from './retries.ts';
import type { Run } from './runs.ts';

export function createRetries({ db }: Database): Retries {
  return {
    findObstacle: (run) => findObstacle(db, run),
    list: (runId) => list(db, runId),
    listRecords: (runNo) => listRecords(db, runNo, RETRIED, NOT_SENT_TO),
  };
}

/**
 * A condition on `records r`: CXone has accepted no message for it. A failed run keeps what it would have sent again as pending, and
 * another run would send it as a first message.
 */
const NOT_SENT_TO = sql<boolean>`not exists (
  select from email_messages m where m.run_no = r.run_no and m.seq = r.seq)`;

async function findObstacle(db: Executor, { run_no: runNo, state, purged_at }: Run): Promise<string | null> {
  if (state === 'running') return 'has not ended; cancel it, or wait for its end, then retry';
  if (purged_at !== null)
    return `was purged on ${purged_at.toISOString().slice(0, 10)}, so its rows are gone; import their file again`;
  const unanswered = await countUnanswered(db, runNo);
  if (unanswered > 0)
    return `has writes of ${plural(unanswered, 'record')} without an answer; start it again with the same id: it continues where it stopped, and finds out what became of them`;
  if (await hasRetriedRecords(db, runNo)) return null;
  return `left nothing to retry: none of its rows is ${RETRIED.join(', ')}, apart from those that were sent a message`;
}

/** Pending records that may have been applied: sent and not answered, or part of such a write. Only the run can find out. */
async function countUnanswered(db: Executor, runNo: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select coalesce(sum(cardinality(seqs)), 0)::int as n from writes where run_no = ${runNo}
      and (state in ('sending', 'unanswered') or ${maybeApplied()})`.execute(db);
  return rows[0]?.n ?? 0;
}

async function hasRetriedRecords(db: Executor, runNo: number): Promise<boolean> {
  const { rows } = await sql<{ any: boolean }>`
    select exists (
      select from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where r.run_no = ${runNo} and coalesce(o.outcome, 'pending') = any(${[...RETRIED]}::text[])
        and ${NOT_SENT_TO}) as any`.execute(db);
  return rows[0]?.any === true;
}

async function list(db: Executor, runId: string): Promise<Retry[]> {
  // PostgreSQL only searches the text of the inputs; see readSource for why it does not read a field.
  const { rows } = await sql<Retry & { readonly input: unknown }>`
    select run_id as "runId", target, state, input from runs
    where position(${JSON.stringify(runId)} in input::text) > 0 and not dry_run and state <> 'rejected'
      and (state in ('running', 'completed') or staged_through > 0)
    order by run_no`.execute(db);
  return rows
    .filter((retry) => retriedRunId(retry) === runId)
    .map(({ runId: id, target, state }) => ({ runId: id, target, state }));
}
