/**
 * May this contact be reached? Every path that reaches people uses this check: first our own suppression list, then the
 * preference that CXone holds, judged by the rules of domain/consent/eligibility.ts. It only reads, so it is repeatable.
 */
import type { EligibilityCheckInput } from '../../contract/consent.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import type { StoredPreference } from '../../cxone/preferences.ts';
import {
  type Channel,
  type ConsentFacts,
  type ConsentPolicy,
  type ConsentRecord,
  type Eligibility,
  evaluateEligibility,
  failClosed,
  REGIONS,
} from '../../domain/consent/eligibility.ts';
import { toGuid } from '../../domain/contact-id.ts';
import type { Reason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { isRefusedLookup } from '../engine/lookups.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';

/** A contact, a channel, and what the record itself states about the consent. */
export interface ConsentQuestion extends Pick<ConsentFacts, 'optInStatus' | 'timeZone'> {
  readonly contactId: string;
  readonly channel: Channel;
}

interface LookedUpConsent {
  readonly answer: Eligibility;
  /** May name a person, so it is no part of the answer. */
  readonly source: string | null;
}

export interface ConsentDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
}

export function createConsentCheck({ ledger, cxone }: ConsentDeps) {
  return {
    /** The answers that need no request: suppressed, or no contact id to look up. CXone has to be asked for the others. */
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
        else if (toGuid(contactId) === null)
          answers.set(question, failClosed('no_contact_id', question, now, policy));
      }
      return answers;
    },

    /** One lookup. Errors: those of cxone/errors.ts; but if CXone refuses this particular lookup, the answer is no. */
    async askCxone(question: ConsentQuestion, policy: ConsentPolicy): Promise<Eligibility> {
      return (await this.lookUp(question, policy)).answer;
    },

    /** The same, with where CXone says that the consent was given. */
    async lookUp(question: ConsentQuestion, policy: ConsentPolicy): Promise<LookedUpConsent> {
      const { contactId: written, channel, ...stated } = question;
      const contactId = toGuid(written) ?? written;
      const found = await cxone.preferences.find({ contactId, channel }).catch(catchRefusal);
      const preference = found === REFUSED ? REFUSED : toConsentRecord(found);
      if (found === REFUSED || preference === REFUSED)
        return { answer: this.unavailable(question, policy), source: null };
      const answer = evaluateEligibility({ channel, preference, ...stated }, new Date(), policy);
      return { answer, source: found?.source ?? null };
    },

    /** The answer if CXone could not be asked (fail closed). */
    unavailable: ({ channel }: ConsentQuestion, policy: ConsentPolicy): Eligibility =>
      failClosed('consent_unavailable', { channel }, new Date(), policy),
  };
}

export type ConsentCheck = ReturnType<typeof createConsentCheck>;

const REFUSED = Symbol('refused');

function catchRefusal(error: unknown): typeof REFUSED {
  if (isRefusedLookup(error)) return REFUSED;
  throw error;
}

/** A preference of a region for which there are no rules cannot be judged. */
function toConsentRecord(found: StoredPreference | null): ConsentRecord | null | typeof REFUSED {
  if (found === null) return null;
  const { optIn, consentTimestamp, withdrawalTimestamp } = found;
  const regulatoryRegion = REGIONS.find((region) => region === found.regulatoryRegion.trim().toUpperCase());
  if (regulatoryRegion === undefined) return REFUSED;
  return { optIn, consentTimestamp, withdrawalTimestamp, regulatoryRegion };
}

/** The reason of a record, with the version of the rules and their disclaimer. */
export function ineligibleReason({ reason, ruleVersion, policy, notice }: Eligibility): Reason {
  return { code: reason, message: `rules ${ruleVersion}, policy ${policy}; ${notice}` };
}

export function createConsentActivities(deps: ConsentDeps & { readonly rateLimiter: RateLimiter }) {
  const check = createConsentCheck(deps);
  const { rateLimiter } = deps;
  return {
    /** Checks one contact. Errors that are worth retrying are thrown, and Temporal retries the activity. */
    async checkEligibility(input: EligibilityCheckInput): Promise<Eligibility> {
      const { policy = 'default', ...question } = input;
      const local = (await check.checkLocally([question], policy)).get(question);
      if (local) return local;
      return rateLimiter.withRequestSlot(() =>
        rateLimiter.sendWithPermit(() => check.askCxone(question, policy)),
      );
    },
  };
}
