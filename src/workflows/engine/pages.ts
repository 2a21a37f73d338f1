/** The rolling window: about three pages open, so that no page's end leaves the line idle (performance.md C2). */
import { CancellationScope, condition, sleep, workflowInfo } from '@temporalio/workflow';
import type { PageResult } from '../../activities/engine/page-worker.ts';
import { OPEN_PAGES, writing } from '../policies.ts';

export interface PagesOptions {
  readonly runId: string;
  readonly batches: number;
  readonly pageBatches: number;
  /** First batch that no page was opened for. */
  readonly cursor: number;
  readonly isPaused: () => boolean;
  readonly isStopped: () => boolean;
  readonly onResult: (result: PageResult) => void;
}

interface PageRange {
  readonly fromBatch: number;
  readonly toBatch: number;
}

/**
 * Returns the cursor. Past `batches`: everything that can be settled is. Before it: the history grew long (continue
 * as new from there), or the run was stopped.
 */
export async function writePages(options: PagesOptions): Promise<number> {
  let { cursor } = options;
  let open = 0;
  let failure: Error | undefined;
  let firstUnfinished = Number.POSITIVE_INFINITY;
  const pages: Promise<void>[] = [];
  const mayOpen = () =>
    failure === undefined &&
    cursor <= options.batches &&
    !options.isStopped() &&
    !workflowInfo().continueAsNewSuggested;
  while (mayOpen()) {
    await condition(() => (open < OPEN_PAGES && !options.isPaused()) || !mayOpen());
    if (!mayOpen()) break;
    const range = { fromBatch: cursor, toBatch: Math.min(cursor + options.pageBatches - 1, options.batches) };
    cursor = range.toBatch + 1;
    open += 1;
    const page = writePageToItsEnd(options, range)
      .then((ended) => {
        if (!ended) firstUnfinished = Math.min(firstUnfinished, range.fromBatch);
      })
      .catch((error: unknown) => {
        failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        open -= 1;
      });
    pages.push(page);
  }
  // Also after a failure: the others settle what they have in flight.
  await Promise.all(pages);
  if (failure !== undefined) throw failure;
  return Math.min(cursor, firstUnfinished);
}

/**
 * Again and again until nothing of it is left: batches whose answer was lost, or that another worker's lease holds.
 * False: something is left, and the history grew long by the passes.
 */
async function writePageToItsEnd(options: PagesOptions, range: PageRange): Promise<boolean> {
  for (let pass = 1; ; pass += 1) {
    await condition(() => !options.isPaused() || options.isStopped());
    if (options.isStopped()) return true;
    const result = await writing.writePage.executeWithOptions(
      { summary: summaryOf(range, options.batches, pass) },
      [{ runId: options.runId, ...range }],
    );
    options.onResult(result);
    if (result.halted === 'stopped' || result.halted === 'cancelled') return true;
    if (result.halted === null && result.left === 0) return true;
    if (workflowInfo().continueAsNewSuggested) return false;
    if (result.waitMs > 0 && result.halted === null) await waitFor(result, range);
  }
}

async function waitFor({ left, waitMs }: PageResult, range: PageRange): Promise<void> {
  const summary = `${left} unanswered in batches ${range.fromBatch}–${range.toBatch}: again in ${Math.ceil(waitMs / 1000)} s`;
  await CancellationScope.cancellable(() => sleep(waitMs, { summary }));
}

function summaryOf({ fromBatch, toBatch }: PageRange, batches: number, pass: number): string {
  return `batches ${fromBatch}–${toBatch} of ${batches}${pass > 1 ? `, pass ${pass}` : ''}`;
}
