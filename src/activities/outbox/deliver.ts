/** Delivers a run's events: one activity empties the outbox, in order, for as long as the run writes. */
import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Notify } from '../../contract/run.ts';
import { percentOf, plural, twoDecimals } from '../../domain/numbers.ts';
import { countSuccesses, OUTCOMES, type Outcome, sumOutcomes } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { EventTotals, EventTrailer, OutboxEvent } from '../../ledger/outbox/outbox.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Endpoint, EventDefinition } from '../engine/definition.ts';
import type { Registry } from '../engine/registry.ts';
import { retryableFailure } from '../failures.ts';
import { EventNotAccepted, type PostWebhook } from './webhook.ts';

/** Null: the endpoint has no subscriber. */
export type Webhooks = Readonly<Record<Endpoint, PostWebhook | null>>;

export interface DeliveryDeps {
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly webhooks: Webhooks;
  readonly draining: AbortSignal;
}

const EVENTS_AT_ONCE = 50;
const POLL_MS = 500;

export function createDeliveryActivities(deps: DeliveryDeps) {
  return {
    /**
     * Delivers until the run has stopped writing and the outbox is empty. Repeatable: a delivered event is marked, and one
     * that was delivered but not marked is sent again with the same id and the same bytes, for the receiver to drop.
     */
    deliverEvents: (runId: string): Promise<{ done: boolean }> => deliverEvents(deps, runId),
  };
}

async function deliverEvents(deps: DeliveryDeps, runId: string): Promise<{ done: boolean }> {
  const { ledger, registry, webhooks, draining } = deps;
  const { cancellationSignal } = Context.current();
  const { kind } = await ledger.runs.get(runId);
  const { event: definition } = registry.get(kind);
  const post = webhooks[definition.endpoint];
  if (!post) return { done: true };
  const delivery = new Delivery(ledger, definition, post);
  while (!draining.aborted && !cancellationSignal.aborted) {
    const run = await ledger.runs.get(runId);
    const { notify = 'batch' } = run.input as { notify?: Notify };
    const isWriting = run.phase !== 'delivering' && run.state === 'running';
    if ((notify === 'run' || definition.renderRun) && isWriting) {
      await delay(POLL_MS);
      continue;
    }
    if (definition.renderRun) await addForRun(ledger, run, definition);
    // Events that list their items are never merged: the items of a whole run would be a body of megabytes.
    if (notify !== 'batch' && !definition.renderItems) await ledger.outbox.mergeUndelivered(run.run_no);
    const events = await ledger.outbox.listUndelivered(run.run_no, EVENTS_AT_ONCE);
    if (events.length === 0 && !isWriting) return { done: true };
    for (const event of events) await delivery.deliver(run, event);
    // With `page`, events that gather during the longer wait are merged into one.
    if (events.length === 0 || notify === 'page') await delay(notify === 'page' ? 4 * POLL_MS : POLL_MS);
  }
  return { done: false };
}

/** A run that failed is not over: it may be started again, and its event is sent when that one ends. */
async function addForRun({ runs, outbox }: Ledger, { run_no: runNo }: Run, { name }: EventDefinition) {
  const { pending } = await runs.counts(runNo);
  if (pending === 0) await outbox.addForRun(runNo, name);
}

class Delivery {
  readonly #ledger: Ledger;
  readonly #definition: EventDefinition;
  readonly #post: PostWebhook;
  /** Totals of the events rendered so far; null before the first one. */
  #totals: EventTotals | null = null;

  constructor(ledger: Ledger, definition: EventDefinition, post: PostWebhook) {
    this.#ledger = ledger;
    this.#definition = definition;
    this.#post = post;
  }

  async deliver(run: Run, event: OutboxEvent): Promise<void> {
    const body = await this.#render(run, event);
    try {
      await this.#post(event.event_id, body);
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown';
      await this.#ledger.outbox.markFailed(event.id, why);
      throw retryableFailure(
        'SubscriberUnavailable',
        `the subscriber did not accept event ${event.event_id}: ${why}`,
        error instanceof EventNotAccepted ? (error.retryAfterMs ?? undefined) : undefined,
      );
    }
    await this.#ledger.outbox.markDelivered(event.id);
  }

  async #render(run: Run, event: OutboxEvent): Promise<string> {
    const { renderItems, renderRun } = this.#definition;
    if (renderItems) return renderItems(run, event);
    if (!renderRun) return this.#renderMetrics(run, event);
    return event.body ?? this.#ledger.outbox.freezeBody(event.id, await renderRun(run, event));
  }

  /** Returns the stored body. It is stored when it is first rendered, so that every attempt sends the same bytes. */
  async #renderMetrics(run: Run, event: OutboxEvent): Promise<string> {
    const { outbox } = this.#ledger;
    if (event.body !== null) {
      this.#totals = await outbox.renderedTotals(run.run_no);
      return event.body;
    }
    const content = await outbox.ownTotals(event);
    const totals = add(this.#totals ?? (await outbox.renderedTotals(run.run_no)), content);
    const trailer = await outbox.trailer(event);
    const rendered = renderMetrics(run, event, { content, totals, trailer });
    const body = await outbox.freezeBody(event.id, rendered);
    // Another attempt may have rendered this event meanwhile, and further ones, whose totals count too.
    this.#totals = body === rendered ? totals : await outbox.renderedTotals(run.run_no);
    return body;
  }
}

function add(a: EventTotals, b: EventTotals): EventTotals {
  const counts: Partial<Record<Outcome, number>> = {};
  for (const outcome of OUTCOMES) counts[outcome] = (a.counts[outcome] ?? 0) + (b.counts[outcome] ?? 0);
  return { counts, requests: a.requests + b.requests, latencySumMs: a.latencySumMs + b.latencySumMs };
}

/**
 * A body with metrics (docs/cxone-contract.md#webhook-events). They are cumulative up to this event, over all records,
 * including those that were settled during staging.
 */
export function renderMetrics(
  run: Run,
  event: OutboxEvent,
  { content, totals, trailer }: EventContent,
): string {
  const counts = add(totals, { counts: run.staged_counts ?? {}, requests: 0, latencySumMs: 0 }).counts;
  const successCount = countSuccesses(counts);
  const totalProcessed = sumOutcomes(counts);
  return JSON.stringify({
    id: event.event_id,
    event: event.event,
    timestamp: event.created_at.toISOString(),
    runId: run.run_id,
    metrics: {
      totalProcessed,
      successCount,
      failureCount: totalProcessed - successCount,
      successRatePercent: percentOf(successCount, totalProcessed) ?? 0,
      averageLatencyMs: totals.requests === 0 ? 0 : twoDecimals(totals.latencySumMs / totals.requests),
    },
    auditTrailer: renderTrailer(event, content, trailer),
  });
}

interface EventContent {
  /** Of this event and of those merged into it. */
  readonly content: EventTotals;
  /** Of all events so far. */
  readonly totals: EventTotals;
  readonly trailer: EventTrailer;
}

/** Names and shape: docs/cxone-contract.md#the-audit-trailer. */
function renderTrailer(event: OutboxEvent, { counts }: EventTotals, trailer: EventTrailer) {
  const { batches, batchStartIndex, messages } = trailer;
  const { batch = null, cxoneId = null, ...entry } = (trailer.last ?? {}) as Partial<BatchEntry>;
  return {
    auditId: event.audit_id,
    timestamp: event.created_at.toISOString(),
    writeId: event.write_id,
    batchIndex: batch,
    batchStartIndex,
    recordCount: sumOutcomes(counts),
    outcomes: counts,
    ...(batches === 1 ? describeBatch(entry) : describeBatches(trailer)),
    latencyMs: event.latency_ms,
    cxoneId,
    messages,
  };
}

/** Of a `batch_settled` entry in the audit. */
interface BatchEntry {
  readonly batch: number;
  readonly status: string;
  readonly details: string;
  readonly cxoneId: string | null;
}

function describeBatch({ status, details }: Partial<BatchEntry>) {
  const isKnown = status === undefined || status === 'success' || status === 'in_doubt';
  return { status: isKnown ? (status ?? null) : 'failed', details: details ?? null };
}

function describeBatches({ batches, failed }: EventTrailer) {
  const details = `${plural(batches, 'batch')}${failed === 0 ? '' : `, ${failed} of them failed or in doubt`}`;
  return { status: failed === 0 ? 'success' : 'failed', details };
}
