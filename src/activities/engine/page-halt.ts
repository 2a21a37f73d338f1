/** Why a page stops: it is asked to, something failed, or the rate budget is spent. One object per attempt at a page. */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type CxoneError, CxoneRateLimited } from '../../cxone/errors.ts';
import { asError, isAbort, isFinal, RateWait, SpacingWait } from '../failures.ts';
import type { PausesAfter } from './definition.ts';
import { LONGEST_WAIT_MS } from './rate-limiter.ts';
import type { SettledAnswer } from './settle.ts';

/**
 * Why a page ends although writes of it may still be open. `refused`: CXone refuses one write after the other (PausesAfter). `late`:
 * the moment has come after which a person is to be asked (Page).
 */
export type HaltReason = 'paused' | 'stopped' | 'draining' | 'cancelled' | 'refused' | 'late';

/** Why a page claims nothing more; the first reason counts, except for a mere suspicion. */
type Halt =
  | { readonly why: HaltReason }
  | { readonly why: 'failed'; readonly error: Error }
  /** CXone may be down, and the next request must not be in doubt as well. */
  | { readonly why: 'suspected_outage' }
  /** Writes are in doubt, and the run is to know it before it sends others (PausesAfter). */
  | { readonly why: 'in_doubt' };

/** Writes that are in doubt since the last answer to a write, or since the page began. */
export interface LostInARow {
  readonly inARow: number;
  /** CXone has answered a write of this page before. */
  readonly afterAnswer: boolean;
}

const DRAIN_MS = 7_000;
/** This many lost or refused connections in a row are an outage: the page ends, and Temporal's backoff waits it out. */
export const OUTAGE_AFTER = 5;

export class PageHalt {
  readonly #stop = new AbortController();
  #endDraining: () => void = () => undefined;
  /** Resolves when a worker that is shutting down waits no longer for what is in flight. */
  readonly drained = new Promise<void>((resolve) => {
    this.#endDraining = resolve;
  });
  #halted: Halt | null = null;
  /** The queue of the rate budget is too long: nothing more joins it, and what has a place there keeps it. */
  #rateWait: RateWait | null = null;
  /** The writes that are kept apart are left alone until then. */
  #spacingWait: SpacingWait | null = null;
  #failuresInARow = 0;
  #hasAnswered = false;
  #lastFailure: CxoneError | null = null;
  readonly #maxRefusals: number;
  readonly #asksWhenInDoubt: boolean;
  #refusalsInARow = 0;
  #lost: LostInARow = { inARow: 0, afterAnswer: false };

  constructor(pausesAfter?: PausesAfter) {
    this.#maxRefusals = pausesAfter?.refusals ?? Infinity;
    this.#asksWhenInDoubt = pausesAfter !== undefined;
    // As many writes listen to it as may be in progress.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Aborted once the page is halted. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get claimsNothing(): boolean {
    return this.#halted !== null || this.#rateWait !== null;
  }

  /** Null: it was not asked to end. */
  get reason(): HaltReason | null {
    const why = this.#halted?.why ?? null;
    return why === 'failed' || why === 'suspected_outage' || why === 'in_doubt' ? null : why;
  }

  get spacingWait(): SpacingWait | null {
    return this.#spacingWait;
  }

  /** Waits for the turn of the writes that are kept apart. If it comes too late, the page ends instead. */
  async waitForTurn(): Promise<void> {
    const wait = this.#spacingWait;
    if (wait === null) return;
    this.#spacingWait = null;
    const { waitMs } = wait;
    if (waitMs > LONGEST_WAIT_MS) this.#rateWait ??= wait;
    else await delay(waitMs, undefined, { signal: this.signal }).catch(() => undefined);
  }

  /** Claims nothing more. What is in flight is settled. */
  haltOn(halt: Halt): void {
    if (this.#halted === null || this.#halted.why === 'suspected_outage') this.#halted = halt;
    this.#stop.abort();
    // What is unanswered by then is reconciled by the next worker.
    if (halt.why === 'draining') setTimeout(this.#endDraining, DRAIN_MS).unref();
  }

  /** After this error the page claims nothing more, or nothing that is kept apart. Never throws. Null: the write has no answer. */
  noteError(error: unknown): null {
    if (error instanceof SpacingWait) {
      if (error.waitMs < (this.#spacingWait?.waitMs ?? Infinity)) this.#spacingWait = error;
    } else if (error instanceof RateWait) this.#rateWait ??= error;
    else if (!(this.#halted && isAbort(error))) this.haltOn({ why: 'failed', error: asError(error) });
    return null;
  }

  /**
   * CXone has not answered a request. Throws `error` if it ends the page: no repeat can cure it, or it is the last of an outage.
   * Where requests must not be repeated, the page claims nothing more after the first one. A page in which CXone has answered other
   * writes does not fail for it; otherwise Temporal's backoff would grow with every lost answer.
   */
  noteFailure(error: CxoneError, isRepeatable = true): void {
    if (this.asksAbout(error)) return;
    this.#lastFailure = error;
    if (error instanceof CxoneRateLimited) return;
    this.#failuresInARow += 1;
    if (isFinal(error) || this.#failuresInARow >= OUTAGE_AFTER) throw error;
    if (!isRepeatable) this.haltOn({ why: 'suspected_outage' });
  }

  /**
   * An answer that is not part of the contract, such as a redirect: the write may have been carried out. The run asks about it, as
   * about a lost answer, even where a repeat is safe: it would most likely get the same answer. Runs that do not pause for those
   * fail, lest one write after the other becomes doubtful.
   */
  asksAbout(error: CxoneError): boolean {
    return this.#asksWhenInDoubt && error.applied === 'unknown' && isFinal(error);
  }

  /** A write is in doubt from now on. A run that pauses for them decides whether anything else is sent. */
  noteInDoubt(): void {
    this.#lost = { ...this.#lost, inARow: this.#lost.inARow + 1 };
    if (this.#asksWhenInDoubt) this.haltOn({ why: 'in_doubt' });
  }

  get lost(): LostInARow {
    return this.#lost;
  }

  /** CXone has answered. Throws like `noteFailure` if the answer was interrupted. */
  noteAnswer(answer: SettledAnswer): void {
    const { groups, interruptedBy } = answer;
    this.#hasAnswered = true;
    this.#countRefusals(answer);
    // What was answered before a write was interrupted is no part of an outage.
    if (!interruptedBy || groups.length > 0) this.#failuresInARow = 0;
    if (interruptedBy) this.noteFailure(interruptedBy);
  }

  /** Answers to questions say nothing about whether CXone takes writes. */
  #countRefusals({ readOnly, refusesAll }: SettledAnswer): void {
    if (readOnly) return;
    this.#lost = { inARow: 0, afterAnswer: true };
    this.#refusalsInARow = refusesAll ? this.#refusalsInARow + 1 : 0;
    if (this.#refusalsInARow >= this.#maxRefusals) this.haltOn({ why: 'refused' });
  }

  /** Throws what has ended the page, unless it was asked to end. */
  throwIfEnded(): void {
    if (this.#halted?.why === 'failed') throw this.#halted.error;
    if (this.#rateWait && !this.#halted) throw this.#rateWait;
  }

  /** `left`: how many writes may be tried again. Throws if there are any and CXone answered nothing at all. */
  throwIfUnanswered(left: number): void {
    const isHalted = this.#halted !== null && this.#halted.why !== 'suspected_outage';
    if (this.#lastFailure && !this.#hasAnswered && left > 0 && !isHalted) throw this.#lastFailure;
  }
}
