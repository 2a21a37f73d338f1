/** What the CRM is to be told: written with the settle, delivered by an activity, kept until it is delivered. */
import { type Selectable, sql } from 'kysely';
import type { Outcome } from '../domain/run.ts';
import type { Database } from './database.ts';
import type { OutboxTable } from './schema.ts';

export type OutboxEvent = Selectable<OutboxTable>;

/** The totals up to and with one event, in the order of the outbox. */
export interface EventTotals {
  readonly counts: Partial<Record<Outcome, number>>;
  readonly events: number;
  readonly latencySumMs: number;
}

export function createOutbox({ db }: Database) {
  return {
    /** Events that no operation brings along: of a page or a run. */
    async add(
      runNo: number,
      event: string,
      counts: Partial<Record<Outcome, number>>,
      latencyMs: number | null,
    ) {
      await db
        .insertInto('outbox')
        .values({ run_no: runNo, event, counts: JSON.stringify(counts), latency_ms: latencyMs })
        .execute();
    },

    async undelivered(runNo: number, limit: number): Promise<OutboxEvent[]> {
      return db
        .selectFrom('outbox')
        .selectAll()
        .where('run_no', '=', runNo)
        .where('delivered_at', 'is', null)
        .orderBy('id')
        .limit(limit)
        .execute();
    },

    /** Cumulative up to an event (decisions.md 27): what was settled before it, by the order in which it is told. */
    async totalsBefore(runNo: number, id: string): Promise<EventTotals> {
      const { rows } = await sql<{
        counts: EventTotals['counts'] | null;
        events: string;
        latency: string | null;
      }>`
        with earlier as (select * from outbox where run_no = ${runNo} and id < ${id}::bigint)
        select (select json_object_agg(key, n) from
            (select key, sum(value::int) n from earlier, json_each_text(counts) group by key) sums) as counts,
          (select count(*) from earlier) as events, (select sum(latency_ms) from earlier) as latency`.execute(
        db,
      );
      const [row] = rows;
      return {
        counts: row?.counts ?? {},
        events: Number(row?.events ?? 0),
        latencySumMs: Number(row?.latency ?? 0),
      };
    },

    /** Only the first rendering counts: every try sends the same bytes. Returns the body that stands. */
    async freeze(id: string, body: string): Promise<string> {
      const row = await db
        .updateTable('outbox')
        .set({ body: sql`coalesce(body, ${body})` })
        .where('id', '=', id)
        .returning('body')
        .executeTakeFirstOrThrow();
      return row.body ?? body;
    },

    async delivered(id: string): Promise<void> {
      await db
        .updateTable('outbox')
        .set((e) => ({ delivered_at: new Date(), attempts: e('attempts', '+', 1), last_error: null }))
        .where('id', '=', id)
        .execute();
    },

    async failed(id: string, error: string): Promise<void> {
      await db
        .updateTable('outbox')
        .set((e) => ({ attempts: e('attempts', '+', 1), last_error: error }))
        .where('id', '=', id)
        .execute();
    },

    async tally(runNo: number): Promise<{ delivered: number; undelivered: number }> {
      const { delivered, events } = await db
        .selectFrom('outbox')
        .select((e) => [
          e.fn.count<string>('delivered_at').as('delivered'),
          e.fn.countAll<string>().as('events'),
        ])
        .where('run_no', '=', runNo)
        .executeTakeFirstOrThrow();
      return { delivered: Number(delivered), undelivered: Number(events) - Number(delivered) };
    },
  };
}

export type Outbox = ReturnType<typeof createOutbox>;
