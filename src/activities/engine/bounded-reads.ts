/**
 * A read that CXone never answers in a way that can be used, although it answers others, must not be repeated for ever; an outage
 * must do no more than delay (docs/adr/0014-lost-answers.md#a-read-that-always-fails).
 */
import { fatalFailure } from '../../contract/failures.ts';
import { CxoneError, CxoneRateLimited, CxoneUnreadable } from '../../cxone/errors.ts';
import { LONGEST_OUTAGE_MS } from '../../domain/timeouts.ts';
import { isFinal, THEN_RESTART } from '../failures.ts';
import { RepeatedFailures } from '../repeated-failures.ts';
import { MAX_EQUAL_FAILURES, nameFailure } from './failing.ts';
import { MAX_TRIES } from './lookups.ts';
import type { RateLimiter } from './rate-limiter.ts';

export interface Read<T> {
  /** For people: `the campaign C1`. */
  readonly what: string;
  readonly request: () => Promise<T>;
  /** A request that changes nothing and resolves if CXone answers. */
  readonly probe: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
  /** What a person has to know if the read always fails. */
  readonly doubt?: string | undefined;
}

/** One object for each kind of read: what one of them has achieved says nothing about another. */
export class BoundedReads {
  readonly #failures = new RepeatedFailures();

  /**
   * Reads once; whoever calls repeats it within the same activity or lets Temporal do so. Errors: those of
   * RateLimiter.sendWithPermit; Refused, instead of another failure of a read that always fails.
   */
  async read<T>(rateLimiter: RateLimiter, read: Read<T>): Promise<T> {
    const begunAt = Date.now();
    try {
      const answer = await rateLimiter.sendWithPermit(read.request, read.signal);
      this.#failures.reset();
      return answer;
    } catch (error) {
      if (!(error instanceof CxoneError) || read.signal?.aborted) throw error;
      if (!(await this.#alwaysFails(error, begunAt, () => answers(rateLimiter, read)))) throw error;
      this.#failures.reset();
      throw hopeless(read, error);
    }
  }

  /**
   * What cannot be kept stays so until somebody corrects it, and shows by itself that CXone answers. Anything else may be an
   * outage, which must only delay: it has to fail in the same way for LONGEST_OUTAGE_MS, while CXone answers the probe after each
   * failure. If it does not, nothing that came before counts.
   */
  async #alwaysFails(error: CxoneError, begunAt: number, answers: () => Promise<boolean>): Promise<boolean> {
    if (isInexact(error)) return this.#failures.count(error.message).count >= MAX_TRIES;
    // A 429 shows nothing about what is read, and a final failure ends the run in any case.
    if (error instanceof CxoneRateLimited || isFinal(error)) return false;
    const kind = nameFailure(error);
    if (kind === null || !(await answers())) {
      this.#failures.reset();
      return false;
    }
    const { count, triedMs } = this.#failures.count(kind, begunAt);
    return count > MAX_EQUAL_FAILURES && triedMs > LONGEST_OUTAGE_MS;
  }
}

/** A refusal of the probe, for example because there is no such list, is an answer, too. */
async function answers(
  rateLimiter: RateLimiter,
  { probe, signal }: Pick<Read<unknown>, 'probe' | 'signal'>,
): Promise<boolean> {
  try {
    await rateLimiter.sendWithPermit(probe, signal);
    return true;
  } catch (error) {
    return error instanceof CxoneError && isFinal(error);
  }
}

function hopeless({ what, doubt }: Pick<Read<unknown>, 'what' | 'doubt'>, error: CxoneError) {
  const parts = [`${what} cannot be read`, error.message];
  if (doubt !== undefined) parts.push(doubt);
  parts.push(isInexact(error) ? `Correct ${what} in CXone` : ASK_NICE, THEN_RESTART);
  return fatalFailure('Refused', parts.join('. '));
}

const ASK_NICE =
  'CXone answers other requests, but never this one: ask NICE support, with the request id in the log';

const isInexact = (error: CxoneError): boolean => error instanceof CxoneUnreadable && error.isInexact;
