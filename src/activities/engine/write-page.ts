/** The activity that writes one page of a run. */
import { Context } from '@temporalio/activity';
import type { Run } from '../../ledger/runs/runs.ts';
import { showInHeartbeats } from './heartbeat.ts';
import { type Page, type PageResult, PageWorker, type PageWorkerDeps } from './page-worker.ts';
import type { Registry } from './registry.ts';

export interface WritePageDeps extends PageWorkerDeps {
  readonly registry: Registry;
  /** Aborted when the worker is shutting down: claim nothing more. */
  readonly draining: AbortSignal;
}

export function createWritePage(deps: WritePageDeps) {
  return {
    /**
     * Works through a page until nothing in it can be done now. Repeatable at any point: what is settled is skipped, and
     * what may have been sent is reconciled.
     */
    async writePage(page: Page): Promise<PageResult> {
      const run = await deps.ledger.runs.get(page.runId);
      const worker = createWorker(deps, run);
      showInHeartbeats(() => worker.counts());
      const cancelled = Context.current().cancellationSignal;
      const stopListening = [
        onAbort(deps.draining, () => worker.halt('draining')),
        onAbort(cancelled, () => worker.halt('cancelled')),
      ];
      try {
        await worker.work(page);
        return await worker.result(page);
      } finally {
        for (const stop of stopListening) stop();
      }
    },
  };
}

function createWorker(deps: WritePageDeps, run: Run): PageWorker {
  const { registry } = deps;
  return new PageWorker(deps, run, registry.bulk(run.kind), {
    answered: registry.subscribedEvent(run.kind),
    unanswered: registry.eventWithoutAnswer(run.kind),
  });
}

/** Also if it is aborted already. Returns how to stop listening. */
function onAbort(signal: AbortSignal, listener: () => void): () => void {
  signal.addEventListener('abort', listener);
  if (signal.aborted) listener();
  return () => signal.removeEventListener('abort', listener);
}
