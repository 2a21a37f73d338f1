/**
 * May this person be reached? The one way to ask, for every path that reaches people: our own suppression list, then
 * CXone's preference, then the rules of domain/consent/eligibility.ts. Reads only, so repeating it is safe.
 */
import type { EligibilityCheckInput } from '../../contract/consent.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import { CxoneRateLimited } from '../../cxone/errors.ts';
import type { StoredPreference } from '../../cxone/preferences.ts';
import {
  type Channel,
  type ConsentFacts,
  type ConsentPolicy,
  type ConsentRecord,
  type Eligibility,
  evaluateEligibility,
  REGIONS,
  unavailable,
} from '../../domain/consent/eligibility.ts';
import { isGuid } from '../../domain/preference-update/preferences.ts';
import type { Reason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { isRefusedLookup } from '../engine/lookups.ts';
import { RateWait } from '../failures.ts';
import { type RateLimiter } from '../engine/rate-limiter.ts';

/** Whose consent, and what the record itself says of it. */
export interface ConsentQuestion extends Pick<ConsentFacts, 'optInStatus' | 'timeZone'> {
  readonly contactId: string;
  readonly channel: Channel;
}

export interface ConsentDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
}

const BACKOFF_MS = 5_000;

export function createConsentCheck({ ledger, cxone }: ConsentDeps) {
  return {
    /** The answer that needs no request: suppressed, or nobody to ask for. null: CXone has to be asked. */
    async checkLocally(
      questions: readonly ConsentQuestion[],
      policy: ConsentPolicy,
    ): Promise<ReadonlyMap<ConsentQuestion, Eligibility>> {
      const answers = new Map<ConsentQuestion, Eligibility>();
      const suppressed = await ledger.suppressions.find(
        questions.map(({ contactId }) => contactId),
        [...new Set(questions.map(({ channel }) => channel))],
      );
      const keys = new Set(suppressed.map(({ contactId, channel }) => `${contactId} ${channel}`));
      const now = new Date();
      for (const question of questions) {
        const { contactId, channel } = question;
        if (keys.has(`${contactId} ${channel}`))
          answers.set(
            question,
            evaluateEligibility({ channel, preference: null, suppressed: true }, now, policy),
          );
        else if (!isGuid(contactId))
          answers.set(question, unavailable('no_contact_id', question, now, policy));
      }
      return answers;
    },

    /** One look-up. Errors: all of cxone/errors.ts but a refusal of this very question, which is a no. */
    async askCxone(question: ConsentQuestion, policy: ConsentPolicy): Promise<Eligibility> {
      const { contactId, channel, ...carried } = question;
      const found = await cxone.preferences.find({ contactId, channel }).catch(ifRefused);
      const preference = found === REFUSED ? REFUSED : recordOf(found);
      if (preference === REFUSED) return this.unavailable(question, policy);
      return evaluateEligibility({ channel, preference, ...carried }, new Date(), policy);
    },

    /** Fail closed. */
    unavailable: ({ channel }: ConsentQuestion, policy: ConsentPolicy): Eligibility =>
      unavailable('consent_unavailable', { channel }, new Date(), policy),
  };
}

export type ConsentCheck = ReturnType<typeof createConsentCheck>;

const REFUSED = Symbol('refused');

function ifRefused(error: unknown): typeof REFUSED {
  if (isRefusedLookup(error)) return REFUSED;
  throw error;
}

/** A region that no rule knows is none that we could judge by. */
function recordOf(found: StoredPreference | null): ConsentRecord | null | typeof REFUSED {
  if (found === null) return null;
  const { optIn, consentTimestamp, withdrawalTimestamp } = found;
  const regulatoryRegion = REGIONS.find((region) => region === found.regulatoryRegion.trim().toUpperCase());
  if (regulatoryRegion === undefined) return REFUSED;
  return { optIn, consentTimestamp, withdrawalTimestamp, regulatoryRegion };
}

/** As a reason of a record: which rules, and what they are. */
export function ineligibleReason({ reason, ruleVersion, policy, notice }: Eligibility): Reason {
  return { code: reason, message: `rules ${ruleVersion}, policy ${policy}; ${notice}` };
}

/** One request to CXone, in its turn. Errors: RateWait while the tenant is to be left alone; those of `askCxone`. */
export async function askPaced(
  { check, rateLimiter }: { readonly check: ConsentCheck; readonly rateLimiter: RateLimiter },
  question: ConsentQuestion,
  policy: ConsentPolicy,
): Promise<Eligibility> {
  await rateLimiter.acquire();
  const blockedMs = await rateLimiter.blockedMs();
  if (blockedMs > 0) throw new RateWait(blockedMs);
  try {
    return await check.askCxone(question, policy);
  } catch (error) {
    if (error instanceof CxoneRateLimited) await rateLimiter.block(error.retryAfterMs ?? BACKOFF_MS);
    throw error;
  }
}

export function createConsentActivities(deps: ConsentDeps & { readonly rateLimiter: RateLimiter }) {
  const check = createConsentCheck(deps);
  const { rateLimiter } = deps;
  return {
    /** One person, paced like every request. Throws what passes by itself, for Temporal to try again. */
    async checkEligibility(input: EligibilityCheckInput): Promise<Eligibility> {
      const { policy = 'default', ...question } = input;
      const local = (await check.checkLocally([question], policy)).get(question);
      if (local) return local;
      return rateLimiter.withRequestSlot(() => askPaced({ check, rateLimiter }, question, policy));
    },
  };
}
