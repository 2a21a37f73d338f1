/**
 * Looks up the consent of many contacts. Distinguishes failures that concern one contact, which must not stop the others,
 * from failures of CXone.
 */
import { type CxoneError, CxoneNoAnswer, CxoneUnavailable, CxoneUnreadable } from '../../cxone/errors.ts';
import type { ConsentPolicy, Eligibility } from '../../domain/consent/eligibility.ts';
import type { Question } from '../../domain/consent/eligibility-list.ts';
import { MAX_TRIES } from '../engine/lookups.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import type { ConsentCheck } from './eligibility.ts';

/** This many failed lookups in a row are an outage; fewer, between successful ones, concern only those contacts. */
const OUTAGE_AFTER = 5;

export interface LookupPassOptions {
  readonly check: ConsentCheck;
  readonly rateLimiter: RateLimiter;
  readonly policy: ConsentPolicy;
  /** Fail closed: a contact without an answer is not eligible, and in an outage no further contact is looked up. */
  readonly isLastPass: boolean;
}

/** One pass over the rows of a list. What it learns about CXone applies to its later rows. */
export class LookupPass {
  readonly #options: LookupPassOptions;
  #hasAnswered = false;
  #failuresInARow = 0;
  #outage: CxoneError | null = null;

  constructor(options: LookupPassOptions) {
    this.#options = options;
  }

  /** Errors: those of cxone/errors.ts, except a refusal of this particular lookup; RateWait. */
  async ask(question: Question): Promise<Eligibility> {
    const { check, policy, rateLimiter } = this.#options;
    const local = (await check.checkLocally([question], policy)).get(question);
    return local ?? rateLimiter.withRequestSlot(() => this.#askCxone(question));
  }

  /** No other row would get an answer now either. */
  endsPass(error: unknown): boolean {
    return !isWithoutAnswer(error) || this.#outage !== null || !this.#hasAnswered;
  }

  /** The answer about this contact stays unreadable, while CXone answers about others: repeating it would not help. */
  concernsContact(error: unknown): boolean {
    return error instanceof CxoneUnreadable && this.#hasAnswered && this.#outage === null;
  }

  async #askCxone(question: Question): Promise<Eligibility> {
    const { check, policy, isLastPass } = this.#options;
    try {
      if (this.#outage) throw this.#outage;
      const answer = await this.#askUntilReadable(question);
      this.#hasAnswered = true;
      this.#failuresInARow = 0;
      return answer;
    } catch (error) {
      this.#recordFailure(error);
      if (isLastPass && isWithoutAnswer(error)) return check.unavailable(question, policy);
      throw error;
    }
  }

  /** Like the lookups of a run (engine/lookups.ts), an unreadable answer is asked for a few times, then given up. */
  async #askUntilReadable(question: Question): Promise<Eligibility> {
    const { check, policy, rateLimiter } = this.#options;
    for (let tries = 1; ; tries += 1) {
      try {
        return await rateLimiter.sendWithPermit(() => check.askCxone(question, policy));
      } catch (error) {
        if (!(error instanceof CxoneUnreadable) || tries >= MAX_TRIES) throw error;
      }
    }
  }

  #recordFailure(error: unknown): void {
    if (!isWithoutAnswer(error)) return;
    this.#failuresInARow += 1;
    if (this.#failuresInARow >= OUTAGE_AFTER) this.#outage ??= error;
  }
}

type WithoutAnswer = CxoneUnavailable | CxoneNoAnswer | CxoneUnreadable;

/** It may concern only this contact, unlike refused credentials or the rate limit. */
function isWithoutAnswer(error: unknown): error is WithoutAnswer {
  return (
    error instanceof CxoneUnavailable || error instanceof CxoneNoAnswer || error instanceof CxoneUnreadable
  );
}
