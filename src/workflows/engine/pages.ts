/** Writes the pages of a run, a few at a time, so that requests keep flowing while one page ends (docs/adr/0002-pages.md). */
import { CancellationScope, condition, sleep } from '@temporalio/workflow';
import type { PageResult } from '../../activities/engine/page-worker.ts';
import type { SeenLedger } from '../../activities/engine/restored.ts';
import { pageWrites } from '../policies.ts';
import { isHistoryLong } from './hand-over.ts';

export interface PagesOptions {
  readonly runId: string;
  readonly batches: number;
  readonly pageBatches: number;
  /** How many at once. */
  readonly openPages: number;
  /** The first batch for which no page has been opened. */
  readonly cursor: number;
  readonly isPaused: () => boolean;
  readonly isStopped: () => boolean;
  /** Epoch ms: after it a person is asked; null: nobody is. */
  readonly asksAfter: () => number | null;
  /** What the run has seen of its ledger by now. */
  readonly seen: () => SeenLedger;
  readonly onOpened: (lastBatch: number) => void;
  /** Null: the page was interrupted and is not finished. */
  readonly interruptible: (call: () => Promise<PageResult>) => Promise<PageResult | null>;
  /** Awaited before the page is tried again. */
  readonly onResult: (result: PageResult) => Promise<void>;
}

interface PageRange {
  readonly fromBatch: number;
  readonly toBatch: number;
}

/**
 * Returns the new cursor. If it is past `batches`, everything that can be settled has been. Otherwise the history has
 * become too long, and the run must continue as new from there, or the run was stopped.
 */
export async function writePages(options: PagesOptions): Promise<number> {
  let { cursor } = options;
  let open = 0;
  let failure: Error | undefined;
  let firstUnfinished = Number.POSITIVE_INFINITY;
  const pages: Promise<void>[] = [];
  const mayOpen = () =>
    failure === undefined && cursor <= options.batches && !options.isStopped() && !isHistoryLong();
  while (mayOpen()) {
    await condition(() => (open < options.openPages && !options.isPaused()) || !mayOpen());
    if (!mayOpen()) break;
    const range = { fromBatch: cursor, toBatch: Math.min(cursor + options.pageBatches - 1, options.batches) };
    cursor = range.toBatch + 1;
    options.onOpened(range.toBatch);
    open += 1;
    const page = writePage(options, range)
      .then((isFinished) => {
        if (!isFinished) firstUnfinished = Math.min(firstUnfinished, range.fromBatch);
      })
      .catch((error: unknown) => {
        failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        open -= 1;
      });
    pages.push(page);
  }
  // After a failure too, since the other pages settle what they have in flight.
  await Promise.all(pages);
  if (failure !== undefined) throw failure;
  return Math.min(cursor, firstUnfinished);
}

/**
 * Repeats the page until none of its writes is left open because its answer was lost or another worker has its lease.
 * Returns false if some are left and the history has become too long.
 */
async function writePage(options: PagesOptions, range: PageRange): Promise<boolean> {
  for (let pass = 1; ; pass += 1) {
    await condition(() => !options.isPaused() || options.isStopped() || isHistoryLong());
    if (options.isStopped()) return true;
    if (options.isPaused()) return false;
    const summary = summarize(range, options.batches, pass);
    const claimsUntil = options.asksAfter();
    const { runId } = options;
    const page = { runId, ...range, ...(claimsUntil !== null && { claimsUntil }), seen: options.seen() };
    const result = await options.interruptible(() =>
      pageWrites.writePage.executeWithOptions({ summary }, [page]),
    );
    if (result === null) return false;
    await options.onResult(result);
    if (result.halted === 'stopped') return true;
    if (result.halted === 'cancelled') return !isHistoryLong();
    if (result.halted === null && result.left === 0) return true;
    if (isHistoryLong()) return false;
    if (result.waitMs > 0 && result.halted === null) await waitForNextPass(result, range);
  }
}

async function waitForNextPass({ left, waitMs }: PageResult, range: PageRange): Promise<void> {
  const summary = `${left} unanswered in batches ${range.fromBatch}–${range.toBatch}: next attempt in ${Math.ceil(waitMs / 1000)} s`;
  await CancellationScope.cancellable(() => sleep(waitMs, { summary }));
}

function summarize({ fromBatch, toBatch }: PageRange, batches: number, pass: number): string {
  return `batches ${fromBatch}–${toBatch} of ${batches}${pass > 1 ? `, pass ${pass}` : ''}`;
}
