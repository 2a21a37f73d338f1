/** Tells the CRM: one activity per run delivers the outbox, in order, for as long as the run writes. */
import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { type Outcome, OUTCOMES, SUCCESSES } from '../../domain/run.ts';
import type { OperationKind } from '../../contract/operations.ts';
import type { Notify } from '../../contract/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { EventTotals, OutboxEvent } from '../../ledger/outbox/outbox.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { withHeartbeat } from '../engine/heartbeat.ts';
import type { BulkKind, Kinds } from '../engine/definition.ts';
import { retryableFailure } from '../failures.ts';
import type { PostWebhook } from './webhook.ts';

export interface CrmDeps {
  readonly ledger: Ledger;
  readonly kinds: Kinds;
  /** null: there is nobody to tell of runs of this kind. */
  readonly post: (kind: OperationKind) => PostWebhook | null;
  readonly draining: AbortSignal;
}

const EVENTS_AT_ONCE = 50;
const POLL_MS = 500;

export function createCrmActivities({ ledger, kinds, post: postOf, draining }: CrmDeps) {
  return {
    /**
     * Delivers until the writing is over and the outbox is empty. Repeatable: a delivered event is marked, and one
     * that was delivered but not marked goes out again with the same id and the same bytes, for the receiver to drop.
     */
    deliverEvents: (runId: string): Promise<{ done: boolean }> => withHeartbeat(() => deliverAll(runId)),
  };

  /** undefined: S1's event, or one of a kind that is no bulk run and has its body already. */
  function rendererOf(kind: string): BulkKind['render'] {
    return (kinds as Readonly<Partial<Record<string, BulkKind>>>)[kind]?.render;
  }

  async function deliverAll(runId: string): Promise<{ done: boolean }> {
    const { cancellationSignal } = Context.current();
    const { kind } = await ledger.runs.get(runId);
    const post = postOf(kind as OperationKind);
    if (!post) return { done: true };
    let totals: EventTotals | null = null;
    while (!draining.aborted && !cancellationSignal.aborted) {
      const run = await ledger.runs.get(runId);
      const { notify = 'batch' } = run.input as { notify?: Notify };
      const writing = run.phase !== 'delivering' && run.state === 'running';
      if (notify === 'run' && writing) {
        await delay(POLL_MS);
        continue;
      }
      // An event that lists its items stands for itself: all of a run's in one would be megabytes (decisions.md 28).
      if (notify !== 'batch' && !rendererOf(kind)) await ledger.outbox.mergeUndelivered(run.run_no);
      const events = await ledger.outbox.listUndelivered(run.run_no, EVENTS_AT_ONCE);
      if (events.length === 0 && !writing) return { done: true };
      totals ??= await ledger.outbox.renderedTotals(run.run_no);
      for (const event of events) totals = await deliver(run, event, totals, post);
      // `page`: what gathers in the time that a page takes goes out as one event.
      if (events.length === 0 || notify === 'page') await delay(notify === 'page' ? 4 * POLL_MS : POLL_MS);
    }
    return { done: false };
  }

  /** The body that stands, and what the events that were rendered so far add up to. */
  async function rendered(
    run: Run,
    event: OutboxEvent,
    before: EventTotals,
  ): Promise<{ body: string; totals: EventTotals }> {
    const reread = () => ledger.outbox.renderedTotals(run.run_no);
    if (event.body !== null) return { body: event.body, totals: await reread() };
    const content = await ledger.outbox.ownTotals(event);
    const totals = add(before, content);
    const mine = render(run, event, content, totals);
    const body = await ledger.outbox.freezeBody(event.id, mine);
    // Another attempt rendered it in the meantime, and perhaps more: those count too.
    return { body, totals: body === mine ? totals : await reread() };
  }

  async function deliver(
    run: Run,
    event: OutboxEvent,
    before: EventTotals,
    send: PostWebhook,
  ): Promise<EventTotals> {
    const itemised = rendererOf(run.kind);
    const { body, totals } = itemised
      ? { body: await itemised(run, event), totals: before }
      : await rendered(run, event, before);
    try {
      await send(event.event_id, body);
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown';
      await ledger.outbox.markFailed(event.id, why);
      throw retryableFailure('CrmUnavailable', `the CRM did not take event ${event.event_id}: ${why}`);
    }
    await ledger.outbox.markDelivered(event.id);
    return totals;
  }
}

function add(a: EventTotals, b: EventTotals): EventTotals {
  const counts: Partial<Record<Outcome, number>> = {};
  for (const outcome of OUTCOMES) counts[outcome] = (a.counts[outcome] ?? 0) + (b.counts[outcome] ?? 0);
  return { counts, requests: a.requests + b.requests, latencySumMs: a.latencySumMs + b.latencySumMs };
}

/** S1's event. The metrics are cumulative at that settle, over all records, staging's outcomes included (decisions.md 27). */
export function render(run: Run, event: OutboxEvent, content: EventTotals, totals: EventTotals): string {
  const counts = add(totals, { counts: run.staged_counts ?? {}, requests: 0, latencySumMs: 0 }).counts;
  const successCount = sum(counts, SUCCESSES);
  const totalProcessed = sum(counts, OUTCOMES);
  return JSON.stringify({
    id: event.event_id,
    event: event.event,
    timestamp: event.created_at.toISOString(),
    runId: run.run_id,
    metrics: {
      totalProcessed,
      successCount,
      failureCount: totalProcessed - successCount,
      successRatePercent: twoDecimals(totalProcessed === 0 ? 0 : (successCount / totalProcessed) * 100),
      averageLatencyMs: twoDecimals(totals.requests === 0 ? 0 : totals.latencySumMs / totals.requests),
    },
    auditTrailer: {
      auditId: event.audit_id,
      timestamp: event.created_at.toISOString(),
      writeId: event.write_id,
      recordCount: sum(content.counts, OUTCOMES),
      outcomes: content.counts,
      latencyMs: event.latency_ms,
    },
  });
}

function sum(counts: Partial<Record<Outcome, number>>, outcomes: readonly Outcome[]): number {
  return outcomes.reduce((total, outcome) => total + (counts[outcome] ?? 0), 0);
}

const twoDecimals = (value: number): number => Math.round(value * 100) / 100;
