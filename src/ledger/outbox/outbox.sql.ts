/** The outbox in PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import type { EventTotals, EventTrailer, Outbox, OutboxEvent } from './outbox.ts';

export function createOutbox({ db }: Database): Outbox {
  return {
    addForRun: (runNo, event) => db.transaction().execute((tx) => addForRun(tx, runNo, event)),
    listUndelivered: (runNo, limit) => listUndelivered(db, runNo, limit),
    mergeUndelivered: (runNo) => mergeUndelivered(db, runNo),
    renderedTotals: (runNo) => sumEvents(db, rendered(runNo)),
    ownTotals: (event) => sumEvents(db, own(event)),
    trailer: (event) => readTrailer(db, event),
    freezeBody: (id, body) => freezeBody(db, id, body),
    markDelivered: (id) => markDelivered(db, id),
    markFailed: (id, error) => markFailed(db, id, error),
    countDeliveries: (runNo) => countDeliveries(db, runNo),
  };
}

async function addForRun(tx: Executor, runNo: number, event: string): Promise<void> {
  // Two attempts at once would both find none.
  await sql`select from runs where run_no = ${runNo} for update`.execute(tx);
  await sql`insert into outbox (run_no, event, counts) select ${runNo}, ${event}, '{}'
    where not exists (select from outbox where run_no = ${runNo} and write_id is null)`.execute(tx);
}

async function listUndelivered(db: Executor, runNo: number, limit: number): Promise<OutboxEvent[]> {
  return db
    .selectFrom('outbox')
    .selectAll()
    .where('run_no', '=', runNo)
    .where('delivered_at', 'is', null)
    .where('merged_into', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute();
}

async function mergeUndelivered(db: Executor, runNo: number): Promise<void> {
  await sql`
    with open as (select id from outbox
      where run_no = ${runNo} and delivered_at is null and merged_into is null and body is null)
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

async function markDelivered(db: Executor, id: string): Promise<void> {
  await db
    .updateTable('outbox')
    .set((e) => ({ delivered_at: new Date(), attempts: e('attempts', '+', 1), last_error: null }))
    .where('id', '=', id)
    .execute();
}

async function markFailed(db: Executor, id: string, error: string): Promise<void> {
  await db
    .updateTable('outbox')
    .set((e) => ({ attempts: e('attempts', '+', 1), last_error: error }))
    .where('id', '=', id)
    .execute();
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
