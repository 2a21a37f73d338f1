/**
 * May this contact be reached on this channel now? One lookup of the preference that CXone holds, judged by the rules.
 * If CXone does not answer in time, the contact is not eligible (fail closed).
 */
import {
  checkEligibilityCheck,
  type Eligibility,
  type EligibilityCheckInput,
} from '../../contract/consent.ts';
import { failClosed } from '../../domain/consent/eligibility.ts';
import { requireInput } from '../input.ts';
import { consentLookup, isOutOfAttempts } from '../policies.ts';

export async function eligibilityCheck(given: EligibilityCheckInput): Promise<Eligibility> {
  const input = requireInput(checkEligibilityCheck(given));
  try {
    return await consentLookup.checkEligibility(input);
  } catch (error) {
    if (!isOutOfAttempts(error)) throw error;
    return failClosed('consent_unavailable', { channel: input.channel }, new Date(), input.policy);
  }
}
