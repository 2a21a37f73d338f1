/** The outbox in PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import type { EventTotals, EventTrailer, Outbox, OutboxEvent } from './outbox.ts';

export function createOutbox({ db }: Database): Outbox {
  return {
    addForRun: (runNo, event) => db.transaction().execute((tx) => addForRun(tx, runNo, event)),
    listWaiting: (runNo, limit) => listWaiting(db, runNo, limit),
    mergeWaiting: (runNo) => mergeWaiting(db, runNo),
    renderedTotals: (runNo) => sumEvents(db, rendered(runNo)),
    ownTotals: (event) => sumEvents(db, own(event)),
    trailer: (event) => readTrailer(db, event),
    freezeBody: (id, body) => freezeBody(db, id, body),
    markDelivered: (event) => markDelivered(db, event),
    markFailed: (event, failed) => markFailed(db, event, failed),
    countDeliveries: (runNo) => countDeliveries(db, runNo),
  };
}

const isWaiting = sql<boolean>`(delivered_at is null and merged_into is null and dead_at is null)`;

async function addForRun(tx: Executor, runNo: number, event: string): Promise<void> {
  // Two attempts at once would both find none.
  await sql`select from runs where run_no = ${runNo} for update`.execute(tx);
  await sql`insert into outbox (run_no, event, counts) select ${runNo}, ${event}, '{}'
    where not exists (select from outbox where run_no = ${runNo} and write_id is null)`.execute(tx);
}

async function listWaiting(db: Executor, runNo: number, limit: number): Promise<OutboxEvent[]> {
  return db
    .selectFrom('outbox')
    .selectAll()
    .where('run_no', '=', runNo)
    .where(isWaiting)
    .orderBy('id')
    .limit(limit)
    .execute();
}

async function mergeWaiting(db: Executor, runNo: number): Promise<void> {
  await sql`
    with open as (select id from outbox
      where run_no = ${runNo} and ${isWaiting} and body is null)
    update outbox set merged_into = (select max(id) from open)
    where run_no = ${runNo} and (id in (select id from open) or merged_into in (select id from open))
      and id < (select max(id) from open)`.execute(db);
}

const rendered = (runNo: number) => sql`run_no = ${runNo} and (body is not null
  or exists (select 1 from outbox last where last.id = outbox.merged_into and last.body is not null))`;

const own = ({ id }: OutboxEvent) => sql`(id = ${id}::bigint or merged_into = ${id}::bigint)`;

async function readTrailer(db: Executor, event: OutboxEvent): Promise<EventTrailer> {
  const { rows } = await sql<EventTrailer>`
    with batches as (
      select o.id, o.write_id, entry.data from (select * from outbox where ${own(event)}) o left join lateral (
        select data from audit where audit_id = o.audit_id
        union all select data from audit_pending where audit_id = o.audit_id limit 1) entry on true)
    select count(*)::int as batches,
      count(*) filter (where data is not null and data->>'status' <> 'success')::int as failed,
      min((data->>'batchStartIndex')::int) as "batchStartIndex",
      (array_agg(data order by id desc))[1] as last,
      (select coalesce(sum(found.n::int), 0)::int from batches b join writes w on w.id = b.write_id
        cross join json_each_text(w.messages) as found(hash, n)) as messages
    from batches`.execute(db);
  const [trailer] = rows;
  if (!trailer) throw new Error(`no trailer of event ${event.id}`);
  return trailer;
}

interface TotalsRow {
  readonly counts: EventTotals['counts'] | null;
  readonly requests: string;
  readonly latency: string | null;
}

async function sumEvents(db: Executor, condition: RawBuilder<unknown>): Promise<EventTotals> {
  const { rows } = await sql<TotalsRow>`
    with selected as (select * from outbox where ${condition})
    select (select json_object_agg(key, n) from
        (select key, sum(value::int) n from selected, json_each_text(counts) group by key) sums) as counts,
      (select count(latency_ms) from selected) as requests, (select sum(latency_ms) from selected) as latency`.execute(
    db,
  );
  const [row] = rows;
  return {
    counts: row?.counts ?? {},
    requests: Number(row?.requests ?? 0),
    latencySumMs: Number(row?.latency ?? 0),
  };
}

async function freezeBody(db: Executor, id: string, body: string): Promise<string> {
  const row = await db
    .updateTable('outbox')
    .set({ body: sql`coalesce(body, ${body})` })
    .where('id', '=', id)
    .returning('body')
    .executeTakeFirstOrThrow();
  return row.body ?? body;
}

async function markDelivered(db: Executor, { id, run_no: runNo, ...event }: OutboxEvent): Promise<void> {
  const isOver = event.failing_since !== null;
  await sql`
    update outbox set failing_since = null,
      delivered_at = case when id = ${id}::bigint then ${new Date()}::timestamptz else delivered_at end,
      attempts = attempts + (id = ${id}::bigint)::int,
      last_error = case when id = ${id}::bigint then null else last_error end,
      next_attempt_at = case when id = ${id}::bigint then null else next_attempt_at end,
      dead_at = case when id = ${id}::bigint then null else dead_at end
    where id = ${id}::bigint
      or (${isOver} and run_no = ${runNo} and id > ${id}::bigint and ${isWaiting} and failing_since is not null)`.execute(
    db,
  );
}

async function markFailed(
  db: Executor,
  { id, run_no: runNo }: OutboxEvent,
  { error, nextAttemptAt }: Parameters<Outbox['markFailed']>[1],
): Promise<void> {
  const now = new Date();
  await sql`
    update outbox set failing_since = coalesce(failing_since, ${now}::timestamptz),
      attempts = attempts + (id = ${id}::bigint)::int,
      last_error = case when id = ${id}::bigint then ${error} else last_error end,
      next_attempt_at = case when id = ${id}::bigint then ${nextAttemptAt}::timestamptz else next_attempt_at end,
      dead_at = case when id = ${id}::bigint and ${nextAttemptAt === null} then ${now}::timestamptz end
    where run_no = ${runNo} and ${isWaiting} and (id = ${id}::bigint or (id > ${id}::bigint and failing_since is null))`.execute(
    db,
  );
}

async function countDeliveries(db: Executor, runNo: number) {
  const { delivered, events } = await db
    .selectFrom('outbox')
    .select((e) => [e.fn.count<string>('delivered_at').as('delivered'), e.fn.countAll<string>().as('events')])
    .where('run_no', '=', runNo)
    .where('merged_into', 'is', null)
    .executeTakeFirstOrThrow();
  return { delivered: Number(delivered), undelivered: Number(events) - Number(delivered) };
}
