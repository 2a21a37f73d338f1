/**
 * The port to the outbox (docs/adr/0017-events-and-outbox.md). An event is inserted in the transaction of the settlement that
 * it is about. It is undelivered until a subscriber has accepted it, or until it is merged into a later event.
 */
import type { Selectable } from 'kysely';
import type { Outcome } from '../../domain/run.ts';
import type { OutboxTable } from '../schema.ts';

export interface Outbox {
  /** The only event of a run, which is about all its records. A repetition changes nothing. */
  addForRun(runNo: number, event: string): Promise<void>;

  /** Neither delivered nor merged, the oldest first. Reads only. */
  listUndelivered(runNo: number, limit: number): Promise<OutboxEvent[]>;

  /**
   * Merges undelivered events without a body into the last of them, together with the events that were merged into them
   * before. Their counts stay in the totals. A repetition changes nothing.
   */
  mergeUndelivered(runNo: number): Promise<void>;

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

  /** A subscriber has accepted it. */
  markDelivered(id: string): Promise<void>;

  /** An attempt failed; the event stays undelivered. */
  markFailed(id: string, error: string): Promise<void>;

  /** Merged events not counted. Reads only. */
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
