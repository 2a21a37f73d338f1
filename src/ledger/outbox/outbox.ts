/**
 * The port to the outbox (docs/adr/0017-events-and-outbox.md). An event is inserted in the transaction of the settlement that
 * it is about. It is waiting until a subscriber has accepted it, it is merged into a later event, or it is given up as a dead
 * letter after the last attempt of the schedule (src/domain/webhook-schedule.ts). Dead letters block nothing.
 */
import type { Selectable } from 'kysely';
import type { Outcome } from '../../domain/run.ts';
import type { OutboxTable } from '../schema.ts';

export interface Outbox {
  /** The only event of a run, which is about all its records. A repetition changes nothing. */
  addForRun(runNo: number, event: string): Promise<void>;

  /** Neither delivered nor merged nor dead, the oldest first. Reads only. */
  listWaiting(runNo: number, limit: number): Promise<OutboxEvent[]>;

  /**
   * Merges waiting events without a body into the last of them, together with the events that were merged into them
   * before. Their counts stay in the totals. A repetition changes nothing.
   */
  mergeWaiting(runNo: number): Promise<void>;

  /** Totals of all events that have a body, including those merged into them: where the next event's metrics start. */
  renderedTotals(runNo: number): Promise<EventTotals>;

  /** Totals of one event and of those merged into it. */
  ownTotals(event: OutboxEvent): Promise<EventTotals>;

  /** What the audit has about the batches of one event and of those merged into it. Reads only. */
  trailer(event: OutboxEvent): Promise<EventTrailer>;

  /**
   * Stores the body, unless there is one already. Returns the stored one, so that every attempt delivers the same bytes under
   * the same event id.
   */
  freezeBody(id: string, body: string): Promise<string>;

  /** A subscriber has accepted it, so the events behind it are no longer failing. A repetition counts another attempt. */
  markDelivered(event: OutboxEvent): Promise<void>;

  /**
   * An attempt failed, and with it the events behind this one are failing. `nextAttemptAt`: null makes it a dead letter. Changes
   * nothing if another attempt has delivered it or given it up meanwhile. A repetition counts another attempt.
   */
  markFailed(
    event: OutboxEvent,
    failed: { readonly error: string; readonly nextAttemptAt: Date | null },
  ): Promise<void>;

  /** Merged events not counted; dead letters are undelivered. Reads only. */
  countDeliveries(runNo: number): Promise<{ readonly delivered: number; readonly undelivered: number }>;
}

export type OutboxEvent = Selectable<OutboxTable>;

export interface EventTotals {
  readonly counts: Partial<Record<Outcome, number>>;
  /** Requests that were answered, and the sum of their latencies. */
  readonly requests: number;
  readonly latencySumMs: number;
}

export interface EventTrailer {
  readonly batches: number;
  /** Those whose request CXone refused or never answered. */
  readonly failed: number;
  /** The smallest; null if an older version has written the entries. */
  readonly batchStartIndex: number | null;
  /** The entry of the last batch; null if it has none. */
  readonly last: unknown;
  /** How often CXone says something in the answers beyond single records. */
  readonly messages: number;
}
