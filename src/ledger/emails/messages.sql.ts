/** Messages in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import type { CountedMessage, EventBucket, EventPeriod } from './messages.ts';

const AT_ONCE = 1_000;

export async function* listMessages(db: Executor, runNo: number): AsyncIterable<CountedMessage> {
  for (let after = 0; ; ) {
    const { rows } = await sql<CountedMessage>`
      select distinct on (seq) seq, state, bounce_class as "bounceClass", bounce_code as "bounceCode", opened, clicked,
        bool_or(complained) over recipient as complained, bool_or(unsubscribed) over recipient as unsubscribed,
        delivered_at as "deliveredAt", job_id as "jobId", (max(attempt) over recipient)::int as attempts
      from email_messages
      where run_no = ${runNo} and seq > ${after} and seq <= (
        select max(seq) from (select distinct seq from email_messages where run_no = ${runNo} and seq > ${after}
          order by seq limit ${AT_ONCE}) next)
      window recipient as (partition by seq)
      order by seq, (state = 'delivered') desc, attempt desc`.execute(db);
    yield* rows;
    const last = rows.at(-1);
    if (!last) return;
    after = last.seq;
  }
}

export async function eventTimeline(
  db: Executor,
  runNo: number,
  { from, widthMs, buckets }: EventPeriod,
): Promise<EventBucket[]> {
  const { rows } = await sql<EventBucket>`
    select greatest(0, least(${buckets}::int - 1,
        floor(extract(epoch from at - ${from}::timestamptz) * 1000 / ${widthMs}::float8)))::int as index,
      type, count(*)::int as n
    from email_events where run_no = ${runNo} and at is not null group by 1, 2 order by 1, 2`.execute(db);
  return rows;
}
