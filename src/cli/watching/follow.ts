/**
 * Follows a run to its end by reading the ledger, twice a second: it goes on when no worker is there, and through
 * restarts of PostgreSQL and Temporal. Temporal is asked only for what the ledger cannot know: a run that failed
 * before it reached the ledger, one that was terminated, one that is started again, one without a worker.
 */
import { type Counts, type Phase, sumOutcomes } from '../../domain/run.ts';
import { isTransient } from '../../ledger/database.ts';
import type { Run, Runs } from '../../ledger/runs/runs.ts';
import type { Executions } from '../../client/executions.ts';
import { createRateMeter } from './rate-meter.ts';
import { failureOfRun, type RunFailure } from '../../queries/run-facts.ts';
import type { View } from '../terminal/progress-view.ts';

export interface FollowDeps {
  readonly ledger: { readonly runs: Pick<Runs, 'find' | 'counts'> };
  readonly executions: Executions;
  readonly view: View;
  /** How the reader calls us, for what to do next. */
  readonly command: string;
  /** Aborted: nobody wants to see more; the run is left alone. */
  readonly signal: AbortSignal;
  /**
   * Called when the run begins to wait for a person, or for another word than before. It may ask right here and take its
   * time: nothing is drawn meanwhile. `over`: the run waits for that no longer, or nobody watches any more.
   */
  readonly onWaiting?: (run: Run, over: AbortSignal) => Promise<void>;
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
  /** It failed before the ledger knew it. */
  | { readonly kind: 'never_began'; readonly failure: RunFailure }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'left' };

const POLL_MS = 500;
/** Nothing in the ledger for so long: perhaps it failed at once. */
const ASK_TEMPORAL_AFTER_MS = 1_000;
const ASK_TEMPORAL_EVERY_MS = 5_000;
/** A run that does not move for so long may have no worker. */
const STANDSTILL_MS = 10_000;
/** Nobody knows the run: it may have been started this very moment. */
const UNKNOWN_AFTER_MS = 3_000;

const WAITS_FOR_A_PERSON: readonly Phase[] = ['awaiting_approval', 'paused', 'in_doubt', 'conflict'];

interface Seen {
  readonly run: Run | undefined;
  readonly counts: Counts | null;
}

export async function follow(runId: string, deps: FollowDeps): Promise<Followed> {
  const { view, signal, sleep = pause } = deps;
  const show = createShow(deps);
  const look = createLook(runId, deps, show);
  const aborted = abortion(signal);
  try {
    while (!signal.aborted) {
      // Ctrl-C is obeyed at once, also while a server does not answer.
      const end = await orAborted(look(), aborted);
      if (end) return end;
      await sleep(POLL_MS, aborted);
    }
    return { kind: 'left' };
  } finally {
    await show.end();
    view.end();
  }
}

/** One look: draws what it saw, and returns the end when there is one. */
function createLook(runId: string, deps: FollowDeps, show: Show) {
  const { executions, nowMs = () => performance.now() } = deps;
  const standstill = createStandstill(runId, deps);
  const beganMs = nowMs();
  let askedMs = -Infinity;

  /** For what the ledger cannot know; once in a while. */
  const askTemporal = async (): Promise<Followed | null> => {
    if (nowMs() - askedMs < ASK_TEMPORAL_EVERY_MS) return null;
    askedMs = nowMs();
    const status = await executions.status(runId);
    if (status === 'running' || status === 'unreachable') return null;
    // The worker closes the ledger first: what it wrote meanwhile counts.
    const { run, counts } = await read(runId, deps);
    if (run && counts && run.state !== 'running') return ended(run, counts);
    if (status === 'ended') return endedOutside(run, counts, await executions.failure(runId));
    const isUnknown = run === undefined && nowMs() - beganMs >= UNKNOWN_AFTER_MS;
    if (!isUnknown) askedMs = nowMs() - ASK_TEMPORAL_EVERY_MS + ASK_TEMPORAL_AFTER_MS;
    return isUnknown ? { kind: 'unknown' } : null;
  };

  return async (): Promise<Followed | null> => {
    try {
      const { run, counts } = await read(runId, deps);
      const stillMs = standstill.add(run, counts);
      if (run && counts && run.state !== 'running') {
        // A failed run that was started again stands as failed until its worker has opened it again.
        const isOver = run.state !== 'failed' || (await executions.status(runId)) !== 'running';
        if (isOver) return ended(run, counts);
      }
      await show(run, counts, standstill.trouble());
      const isDue = stillMs >= (run ? ASK_TEMPORAL_EVERY_MS : ASK_TEMPORAL_AFTER_MS);
      return isDue ? await askTemporal() : null;
    } catch (error) {
      if (!isTransient(error)) throw error;
      await show(undefined, null, 'the database does not answer; trying again').catch(() => undefined);
      return null;
    }
  };
}

async function read(runId: string, { ledger }: FollowDeps): Promise<Seen> {
  const run = await ledger.runs.find(runId);
  return { run, counts: run ? await ledger.runs.counts(run.run_no) : null };
}

function ended(run: Run, counts: Counts): Followed {
  return { kind: 'ended', run, counts, failure: failureOfRun(run) };
}

/** Terminated, timed out, or failed before the ledger heard of it. */
function endedOutside(run: Run | undefined, counts: Counts | null, failure: RunFailure | null): Followed {
  if (!run || !counts) {
    const message = 'its workflow ended without a word to the ledger';
    return { kind: 'never_began', failure: failure ?? { type: 'EndedOutside', message } };
  }
  const why = failure ? `: ${failure.message}` : '';
  const message = `its workflow was ended from outside${why}. Start it again under its id, and it goes on where it was`;
  return {
    kind: 'ended',
    run: { ...run, state: 'failed' },
    counts,
    failure: { type: failure?.type ?? 'EndedOutside', message },
  };
}

function createShow({ view, onWaiting, signal, nowMs = () => performance.now() }: FollowDeps) {
  const meter = createRateMeter();
  const question = createQuestion(onWaiting);
  let shown: Seen = { run: undefined, counts: null };
  const show = async (run: Run | undefined, counts: Counts | null, trouble: string | null): Promise<void> => {
    // A look that was under way must not draw over what is said after the end.
    if (signal.aborted) return;
    // Without the database the last that was seen stays on the screen.
    if (run) shown = { run, counts };
    if (run) await question.closeUnless(run);
    if (question.isOpen()) return;
    const phase = shown.run?.phase ?? 'starting';
    const perSecond = phase === 'writing' && counts ? meter.add(nowMs(), sumOutcomes(counts)) : null;
    view.update({
      phase,
      counts: shown.counts,
      waitingFor: shown.run?.waiting_for ?? null,
      trouble,
      perSecond,
      secondsLeft: perSecond === null || !counts?.pending ? null : counts.pending / perSecond,
    });
    if (run) question.open(run);
  };
  return Object.assign(show, { end: question.close });
}

type Show = ReturnType<typeof createShow>;

/** What the run waits for now, and whoever is being told or asked about it. */
function createQuestion(onWaiting: FollowDeps['onWaiting']) {
  let asked = '';
  let open: { readonly over: AbortController; readonly done: Promise<void> } | null = null;
  let failed: { readonly error: unknown } | null = null;

  const close = async (): Promise<void> => {
    open?.over.abort();
    await open?.done;
  };

  return {
    isOpen: () => open !== null,

    close,

    /** Errors: of the asking; it is asked anew then. */
    async closeUnless(run: Run): Promise<void> {
      if (questionOf(run) !== asked) await close();
      if (!failed) return;
      const { error } = failed;
      [failed, asked] = [null, ''];
      throw error;
    },

    open(run: Run): void {
      const question = questionOf(run);
      if (question === asked) return;
      asked = question;
      if (question === '' || !onWaiting) return;
      const over = new AbortController();
      const done = onWaiting(run, over.signal)
        .catch((error: unknown) => void (failed = { error }))
        .finally(() => (open = null));
      open = { over, done };
    },
  };
}

/** '': it waits for nobody. The same places in conflict anew, or another plan, are another question. */
function questionOf({ phase, waiting_for: waitingFor }: Run): string {
  return WAITS_FOR_A_PERSON.includes(phase) ? `${phase}|${waitingFor ?? ''}` : '';
}

/** For how long nothing has changed; and, when that is long, whether a worker is there at all. */
function createStandstill(
  runId: string,
  { executions, command, nowMs = () => performance.now() }: FollowDeps,
) {
  let mark = '';
  let sinceMs = nowMs();
  let trouble: string | null = null;
  let asking = false;
  const ask = async () => {
    asking = true;
    const before = mark;
    const hasWorker = await executions.hasWorker(runId);
    if (before === mark) trouble = troubleOf(hasWorker, command);
    asking = false;
  };
  return {
    trouble: () => trouble,
    add(run: Run | undefined, counts: Counts | null): number {
      const now = JSON.stringify([run?.state, run?.phase, run?.waiting_for, counts]);
      if (now !== mark) [mark, sinceMs, trouble] = [now, nowMs(), null];
      const waits = run !== undefined && WAITS_FOR_A_PERSON.includes(run.phase);
      const stillMs = nowMs() - sinceMs;
      if (stillMs >= STANDSTILL_MS && !waits && !asking) void ask();
      return stillMs;
    },
  };
}

function troubleOf(hasWorker: boolean | null, command: string): string | null {
  if (hasWorker === null) return 'Temporal does not answer; trying again';
  return hasWorker ? null : `no worker is answering; start one with \`${command} worker\``;
}

/** Resolves with null when the signal comes: one listener, however long the run takes. */
function abortion(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}

async function orAborted<T>(work: Promise<T>, aborted: Promise<null>): Promise<T | null> {
  // What comes after the abort is nobody's any more.
  work.catch(() => undefined);
  return Promise.race([work, aborted]);
}

async function pause(ms: number, aborted: Promise<null>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([new Promise((resolve) => (timer = setTimeout(resolve, ms))), aborted]);
  clearTimeout(timer);
}
