/**
 * One page: its batches through the one rate limiter of the process, each claimed, sent and settled on its own.
 * The order of the steps is what makes it safe: reliability.md §3.3, decisions.md 14–16.
 */
import { Context } from '@temporalio/activity';
import type { OperationKind } from '../../contract/operations.ts';
import type { Counts } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { Kinds } from './definition.ts';
import { createPageWorker } from './page-worker.ts';
import type { RateLimiter } from './rate-limiter.ts';

export interface Page {
  readonly runId: string;
  readonly fromBatch: number;
  readonly toBatch: number;
}

export interface PageResult {
  /** Of the whole run, as the ledger has them now. */
  readonly counts: Counts;
  /** Writes that are still open: unanswered, or under the lease of another worker. */
  readonly left: number;
  /** How long to wait before the next try of those. */
  readonly waitMs: number;
  readonly halted: 'paused' | 'stopped' | 'draining' | 'cancelled' | null;
}

export interface PageDeps {
  readonly ledger: Ledger;
  readonly kinds: Kinds;
  readonly rateLimiter: RateLimiter;
  /** Names this process in the ledger. */
  readonly holder: string;
  /** Aborted when the worker is to stop: claim nothing more (decisions.md 20). */
  readonly draining: AbortSignal;
  /** Is there somebody to be told of runs of this kind? */
  readonly hasSubscriber: (kind: string) => boolean;
}

export function createPages(deps: PageDeps) {
  return {
    /**
     * Works through a page until nothing in it can be done now. Repeatable at any point: what is settled is skipped,
     * and what may have been sent is reconciled, not simply sent again.
     */
    async writePage(page: Page): Promise<PageResult> {
      const run = await deps.ledger.runs.get(page.runId);
      const worker = createPageWorker(deps, run);
      const stop = (why: 'draining' | 'cancelled') => () => worker.halt({ why });
      const drain = stop('draining');
      const cancel = stop('cancelled');
      const cancelled = Context.current().cancellationSignal;
      deps.draining.addEventListener('abort', drain);
      cancelled.addEventListener('abort', cancel);
      if (deps.draining.aborted) drain();
      if (cancelled.aborted) cancel();
      try {
        return await withHeartbeat(async () => {
          await worker.work(page);
          return worker.result(page);
        }, worker.counts);
      } finally {
        deps.draining.removeEventListener('abort', drain);
        cancelled.removeEventListener('abort', cancel);
      }
    },
  };
}
