/** Row by row, which failure is about one contact, and which about CXone: the first must not stop the others. */
import { type CxoneError, CxoneNoAnswer, CxoneUnavailable, CxoneUnreadable } from '../../cxone/errors.ts';
import type { Question } from '../../domain/consent/eligibility-list.ts';
import type { ConsentPolicy, Eligibility } from '../../domain/consent/eligibility.ts';
import { askPaced, type ConsentCheck } from './eligibility.ts';
import { MAX_TRIES } from '../engine/lookups.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';

/** So many questions in a row without an answer are an outage; fewer, among answers, are about those contacts. */
const OUTAGE_AFTER = 5;

export interface AskingOptions {
  readonly check: ConsentCheck;
  readonly rateLimiter: RateLimiter;
  readonly policy: ConsentPolicy;
  /** Fail closed: who has no answer now is not eligible, and in an outage nobody else is asked. */
  readonly isLast: boolean;
}

/** Of one try: what it learns of CXone holds for its later rows. */
export function createAsking({ check, rateLimiter, policy, isLast }: AskingOptions) {
  let hasAnswered = false;
  let inARow = 0;
  let outage: CxoneError | null = null;

  /** As a run does (look-ups.ts): an answer that nobody can read is asked for again, and then gone without. */
  const readable = async (question: Question): Promise<Eligibility> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await askPaced({ check, rateLimiter }, question, policy);
      } catch (error) {
        if (!(error instanceof CxoneUnreadable) || tries >= MAX_TRIES) throw error;
      }
    }
  };

  const failed = (error: unknown): void => {
    if (!isWithoutAnswer(error)) return;
    inARow += 1;
    if (inARow >= OUTAGE_AFTER) outage ??= error;
  };

  return {
    /** Errors: all of cxone/errors.ts but a refusal of this very question; RateWait. */
    ask: async (question: Question): Promise<Eligibility> => {
      const local = (await check.checkLocally([question], policy)).get(question);
      if (local) return local;
      return rateLimiter.withRequestSlot(async () => {
        try {
          if (outage) throw outage;
          const answer = await readable(question);
          hasAnswered = true;
          inARow = 0;
          return answer;
        } catch (error) {
          failed(error);
          if (isLast && isWithoutAnswer(error)) return check.unavailable(question, policy);
          throw error;
        }
      });
    },

    /** No other row would fare better now. */
    isOver: (error: unknown): boolean => !isWithoutAnswer(error) || outage !== null || !hasAnswered,

    /** About this contact for good: nobody could read its answer again and again, while others are answered. */
    isOwn: (error: unknown): boolean => error instanceof CxoneUnreadable && hasAnswered && outage === null,
  };
}

export type Asking = ReturnType<typeof createAsking>;

type WithoutAnswer = CxoneUnavailable | CxoneNoAnswer | CxoneUnreadable;

/** It may be this contact's own, unlike refused credentials or a full line. */
function isWithoutAnswer(error: unknown): error is WithoutAnswer {
  return (
    error instanceof CxoneUnavailable || error instanceof CxoneNoAnswer || error instanceof CxoneUnreadable
  );
}
