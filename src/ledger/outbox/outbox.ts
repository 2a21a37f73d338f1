/** What the CRM is to be told: written with the settle, delivered by an activity, kept until it is delivered. */
import { type Selectable, sql } from 'kysely';
import type { Outcome } from '../../domain/run.ts';
import type { Database } from '../database.ts';
import type { OutboxTable } from '../schema.ts';

export type OutboxEvent = Selectable<OutboxTable>;

/** What the events that were told so far add up to. */
export interface EventTotals {
  readonly counts: Partial<Record<Outcome, number>>;
  /** Requests with a latency, and the sum of those. */
  readonly requests: number;
  readonly latencySumMs: number;
}

export function createOutbox({ db }: Database) {
  return {
    async listUndelivered(runNo: number, limit: number): Promise<OutboxEvent[]> {
      return db
        .selectFrom('outbox')
        .selectAll()
        .where('run_no', '=', runNo)
        .where('delivered_at', 'is', null)
        .where('merged_into', 'is', null)
        .orderBy('id')
        .limit(limit)
        .execute();
    },

    /**
     * Lets the last undelivered event stand for those before it, and for all that those stand for already; their counts
     * stay in the totals.
     */
    async mergeUndelivered(runNo: number): Promise<void> {
      await sql`
        with open as (select id from outbox
          where run_no = ${runNo} and delivered_at is null and merged_into is null and body is null)
        update outbox set merged_into = (select max(id) from open)
        where run_no = ${runNo} and (id in (select id from open) or merged_into in (select id from open))
          and id < (select max(id) from open)`.execute(db);
    },

    /** Everything that an event was rendered for, the merged ones included: the base of the next event's metrics. */
    async renderedTotals(runNo: number): Promise<EventTotals> {
      const { rows } = await sql<{
        counts: EventTotals['counts'] | null;
        requests: string;
        latency: string | null;
      }>`
        with told as (select * from outbox o where run_no = ${runNo} and (body is not null
          or exists (select 1 from outbox last where last.id = o.merged_into and last.body is not null)))
        select (select json_object_agg(key, n) from
            (select key, sum(value::int) n from told, json_each_text(counts) group by key) sums) as counts,
          (select count(latency_ms) from told) as requests, (select sum(latency_ms) from told) as latency`.execute(
        db,
      );
      return totals(rows[0]);
    },

    /** What one event adds: its own counts and those of the events merged into it. */
    async ownTotals(event: OutboxEvent): Promise<EventTotals> {
      const { rows } = await sql<{
        counts: EventTotals['counts'] | null;
        requests: string;
        latency: string | null;
      }>`
        with mine as (select * from outbox where id = ${event.id}::bigint or merged_into = ${event.id}::bigint)
        select (select json_object_agg(key, n) from
            (select key, sum(value::int) n from mine, json_each_text(counts) group by key) sums) as counts,
          (select count(latency_ms) from mine) as requests, (select sum(latency_ms) from mine) as latency`.execute(
        db,
      );
      return totals(rows[0]);
    },

    /** Only the first rendering counts: every try sends the same bytes. Returns the body that stands. */
    async freezeBody(id: string, body: string): Promise<string> {
      const row = await db
        .updateTable('outbox')
        .set({ body: sql`coalesce(body, ${body})` })
        .where('id', '=', id)
        .returning('body')
        .executeTakeFirstOrThrow();
      return row.body ?? body;
    },

    async markDelivered(id: string): Promise<void> {
      await db
        .updateTable('outbox')
        .set((e) => ({ delivered_at: new Date(), attempts: e('attempts', '+', 1), last_error: null }))
        .where('id', '=', id)
        .execute();
    },

    async markFailed(id: string, error: string): Promise<void> {
      await db
        .updateTable('outbox')
        .set((e) => ({ attempts: e('attempts', '+', 1), last_error: error }))
        .where('id', '=', id)
        .execute();
    },

    async countDeliveries(runNo: number): Promise<{ delivered: number; undelivered: number }> {
      const { delivered, events } = await db
        .selectFrom('outbox')
        .select((e) => [
          e.fn.count<string>('delivered_at').as('delivered'),
          e.fn.countAll<string>().as('events'),
        ])
        .where('run_no', '=', runNo)
        .where('merged_into', 'is', null)
        .executeTakeFirstOrThrow();
      return { delivered: Number(delivered), undelivered: Number(events) - Number(delivered) };
    },
  };
}

function totals(
  row: { counts: EventTotals['counts'] | null; requests: string; latency: string | null } | undefined,
): EventTotals {
  return {
    counts: row?.counts ?? {},
    requests: Number(row?.requests ?? 0),
    latencySumMs: Number(row?.latency ?? 0),
  };
}

export type Outbox = ReturnType<typeof createOutbox>;
