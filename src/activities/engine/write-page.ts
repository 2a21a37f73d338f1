/** The activity that writes one page of a run. */
import { Context } from '@temporalio/activity';
import type { Run } from '../../ledger/runs/runs.ts';
import { showInHeartbeats } from './heartbeat.ts';
import { PageClaims, RunClaims } from './page-claims.ts';
import { type Page, type PageResult, PageWorker, type PageWorkerDeps } from './page-worker.ts';
import type { Registry } from './registry.ts';

export interface WritePageDeps extends Omit<PageWorkerDeps, 'onClaimed'> {
  readonly registry: Registry;
  /** Aborted when the worker is shutting down: claim nothing more. */
  readonly draining: AbortSignal;
}

export function createWritePage(deps: WritePageDeps) {
  const runs = new RunClaims();
  return {
    /**
     * Works through a page until nothing in it can be done now. Repeatable at any point: what is settled is skipped, and
     * what may have been sent is reconciled. Fails if the ledger was restored from a backup since.
     */
    async writePage(page: Page): Promise<PageResult> {
      const claims = new PageClaims(deps, runs, page);
      let worker: PageWorker | null = null;
      // Before anything that may take long: the next attempt knows only what the last heartbeat says.
      showInHeartbeats(() => ({ ...worker?.counts(), ...claims.seen() }));
      const run = await deps.ledger.runs.get(page.runId);
      await claims.begin(run);
      try {
        worker = createWorker(deps, run, () => claims.add());
        const result = await workOn(page, worker, deps.draining);
        return { ...result, claims: await claims.end(run) };
      } finally {
        claims.close(run);
      }
    },
  };
}

async function workOn(page: Page, worker: PageWorker, draining: AbortSignal): Promise<PageResult> {
  const cancelled = Context.current().cancellationSignal;
  const stopListening = [
    onAbort(draining, () => worker.halt('draining')),
    onAbort(cancelled, () => worker.halt('cancelled')),
  ];
  try {
    await worker.work(page);
    return await worker.result(page);
  } finally {
    for (const stop of stopListening) stop();
  }
}

function createWorker(deps: WritePageDeps, run: Run, onClaimed: () => void): PageWorker {
  const { registry } = deps;
  return new PageWorker({ ...deps, onClaimed }, run, registry.bulk(run.kind), {
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
