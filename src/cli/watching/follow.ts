/**
 * Follows a run until it ends by reading the ledger twice a second, so that it survives restarts of workers, PostgreSQL
 * and Temporal. Temporal is asked only for what the ledger cannot know: that a run failed before it reached the ledger,
 * was terminated, has been started again, or has no worker.
 */
import type { Executions } from '../../client/executions.ts';
import { describeEndedOutside } from '../../contract/failures.ts';
import { type Counts, sumOutcomes } from '../../domain/run.ts';
import { isTransient } from '../../ledger/errors.ts';
import type { Run, Runs } from '../../ledger/runs/runs.ts';
import type { RateBudget } from '../../ledger/writes/rate-budget.ts';
import { listRateBlocks } from '../../queries/rate-limits.ts';
import { type RunFailure, readFailure } from '../../queries/run-facts.ts';
import type { ProgressView } from '../terminal/progress-view.ts';
import { type OnWaiting, Question } from './question.ts';
import { createRateMeter } from './rate-meter.ts';
import { StallDetector } from './stall.ts';

export interface FollowOptions {
  readonly ledger: {
    readonly runs: Pick<Runs, 'find' | 'counts'>;
    readonly rateBudget: Pick<RateBudget, 'list'>;
  };
  readonly executions: Executions;
  readonly view: ProgressView;
  /** How the user calls the program, for suggested commands. */
  readonly command: string;
  /** Aborts when the user stops watching. The run continues. */
  readonly signal: AbortSignal;
  /**
   * Called when the run begins to wait for a person, or for another decision than before. It may prompt and take its
   * time, since no progress is drawn meanwhile. The signal aborts when the run waits no longer or nobody watches.
   */
  readonly onWaiting?: OnWaiting;
  /** How far the run is in the phase `tracking`; null: it has nothing to say. */
  readonly readProgress?: (run: Run) => Promise<string | null>;
  readonly nowMs?: () => number;
  readonly sleep?: (ms: number, aborted: Promise<null>) => Promise<void>;
}

export type Followed =
  | {
      readonly kind: 'ended';
      readonly run: Run;
      readonly counts: Counts;
      readonly failure: RunFailure | null;
    }
  /** The workflow failed before the ledger knew the run. */
  | { readonly kind: 'never_began'; readonly failure: RunFailure }
  | { readonly kind: 'unknown' }
  /** The user stopped watching. */
  | { readonly kind: 'left' };

const POLL_MS = 500;
/** A run that the ledger does not have after this time may have failed at once. */
const ASK_TEMPORAL_AFTER_MS = 1_000;
const ASK_TEMPORAL_EVERY_MS = 5_000;
/** A run that nobody knows may have been started only a moment ago. */
const UNKNOWN_AFTER_MS = 3_000;
/** Counting what became of many messages is more work than reading a run. */
const READ_PROGRESS_EVERY_MS = 2_000;

interface Seen {
  readonly run: Run | undefined;
  readonly counts: Counts | null;
}

export async function follow(runId: string, options: FollowOptions): Promise<Followed> {
  const { view, signal, sleep = pause } = options;
  const follower = new Follower(runId, options);
  const aborted = resolveOnAbort(signal);
  try {
    while (!signal.aborted) {
      // Ctrl-C takes effect at once, even while a server does not answer.
      const end = await unlessAborted(follower.poll(), aborted);
      if (end) return end;
      await sleep(POLL_MS, aborted);
    }
    return { kind: 'left' };
  } finally {
    await follower.close();
    view.end();
  }
}

class Follower {
  readonly #runId: string;
  readonly #options: FollowOptions;
  readonly #nowMs: () => number;
  readonly #stall: StallDetector;
  readonly #question: Question;
  readonly #meter = createRateMeter();
  readonly #beganMs: number;
  #askedMs = -Infinity;
  #note: { readonly text: string | null; readonly atMs: number } = { text: null, atMs: -Infinity };
  #shown: Seen = { run: undefined, counts: null };

  constructor(runId: string, options: FollowOptions) {
    const { ledger, executions, command, onWaiting, nowMs = () => performance.now() } = options;
    this.#runId = runId;
    this.#options = options;
    this.#nowMs = nowMs;
    this.#stall = new StallDetector({
      runId,
      executions,
      command,
      nowMs,
      listBlocks: () => listRateBlocks(ledger),
    });
    this.#question = new Question(onWaiting);
    this.#beganMs = nowMs();
  }

  close(): Promise<void> {
    return this.#question.close();
  }

  /** Reads and shows the run once. Returns how it ended, or null if it has not. */
  async poll(): Promise<Followed | null> {
    try {
      const { run, counts } = await this.#read();
      const unchangedMs = this.#stall.observe(run, counts);
      if (run && counts && (await this.#hasEnded(run))) return ended(run, counts);
      await this.#show(run, counts, this.#stall.trouble);
      const isDue = unchangedMs >= (run ? ASK_TEMPORAL_EVERY_MS : ASK_TEMPORAL_AFTER_MS);
      return isDue ? await this.#askTemporal() : null;
    } catch (error) {
      if (!isTransient(error)) throw error;
      const trouble = 'the database does not answer; trying again';
      await this.#show(undefined, null, trouble).catch(() => undefined);
      return null;
    }
  }

  async #read(): Promise<Seen> {
    const { runs } = this.#options.ledger;
    const run = await runs.find(this.#runId);
    return { run, counts: run ? await runs.counts(run.run_no) : null };
  }

  /** A failed run that was started again stays `failed` in the ledger until a worker reopens it. */
  async #hasEnded({ state }: Run): Promise<boolean> {
    if (state !== 'failed') return state !== 'running';
    return (await this.#options.executions.status(this.#runId)) !== 'running';
  }

  async #askTemporal(): Promise<Followed | null> {
    if (this.#nowMs() - this.#askedMs < ASK_TEMPORAL_EVERY_MS) return null;
    this.#askedMs = this.#nowMs();
    const { executions } = this.#options;
    const status = await executions.status(this.#runId);
    if (status === 'running' || status === 'unreachable') return null;
    // The worker closes the run in the ledger before its workflow ends, so the ledger may have the result by now.
    const { run, counts } = await this.#read();
    if (run && counts && run.state !== 'running') return ended(run, counts);
    if (status === 'ended') return endedOutside(run, counts, await executions.failure(this.#runId));
    if (run === undefined && this.#nowMs() - this.#beganMs >= UNKNOWN_AFTER_MS) return { kind: 'unknown' };
    this.#askedMs = this.#nowMs() - ASK_TEMPORAL_EVERY_MS + ASK_TEMPORAL_AFTER_MS;
    return null;
  }

  async #show(run: Run | undefined, counts: Counts | null, trouble: string | null): Promise<void> {
    // A poll that was under way must not draw over what is printed after the end.
    if (this.#options.signal.aborted) return;
    // While the database does not answer, the last state stays on the screen.
    if (run) this.#shown = { run, counts };
    if (run) await this.#question.closeUnlessAsked(run);
    if (this.#question.isOpen()) return;
    const phase = this.#shown.run?.phase ?? 'starting';
    const note = run?.phase === 'tracking' ? await this.#readNote(run) : null;
    const isWriting = phase === 'writing' && counts !== null;
    const perSecond = isWriting ? this.#meter.add(this.#nowMs(), sumOutcomes(counts)) : null;
    this.#options.view.update({
      phase,
      counts: this.#shown.counts,
      waitingFor: this.#shown.run?.waiting_for ?? null,
      trouble,
      perSecond,
      secondsLeft: perSecond === null || !counts?.pending ? null : counts.pending / perSecond,
      note,
    });
    if (run) this.#question.open(run);
  }

  async #readNote(run: Run): Promise<string | null> {
    const { readProgress } = this.#options;
    if (readProgress && this.#nowMs() - this.#note.atMs >= READ_PROGRESS_EVERY_MS)
      this.#note = { text: await readProgress(run), atMs: this.#nowMs() };
    return this.#note.text;
  }
}

function ended(run: Run, counts: Counts): Followed {
  return { kind: 'ended', run, counts, failure: readFailure(run) };
}

/** The workflow was terminated, timed out, or failed before the ledger knew the run. */
function endedOutside(run: Run | undefined, counts: Counts | null, failure: RunFailure | null): Followed {
  if (!run || !counts) {
    const message = 'the workflow ended before it wrote anything to the ledger';
    return { kind: 'never_began', failure: failure ?? { type: 'EndedOutside', message } };
  }
  const message = describeEndedOutside(failure?.message ?? null);
  return {
    kind: 'ended',
    run: { ...run, state: 'failed' },
    counts,
    failure: { type: failure?.type ?? 'EndedOutside', message },
  };
}

/** One listener on the signal, however long the run takes. */
function resolveOnAbort(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}

async function unlessAborted<T>(work: Promise<T>, aborted: Promise<null>): Promise<T | null> {
  // Without this, an error after the abort would be an unhandled rejection.
  work.catch(() => undefined);
  return Promise.race([work, aborted]);
}

async function pause(ms: number, aborted: Promise<null>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([new Promise((resolve) => (timer = setTimeout(resolve, ms))), aborted]);
  clearTimeout(timer);
}
