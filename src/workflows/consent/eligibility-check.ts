/**
 * May this contact be reached on this channel now? One lookup of the preference that CXone holds, judged by the rules.
 * If CXone does not answer in time, the contact is not eligible (fail closed).
 */
import {
  checkEligibilityCheck,
  type Eligibility,
  type EligibilityCheckInput,
} from '../../contract/consent.ts';
import { fatalFailure } from '../../contract/failures.ts';
import { failClosed } from '../../domain/consent/eligibility.ts';
import { consentLookup, isOutOfAttempts } from '../policies.ts';

export async function eligibilityCheck(given: EligibilityCheckInput): Promise<Eligibility> {
  const checked = checkEligibilityCheck(given);
  if ('problems' in checked) throw fatalFailure('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  try {
    return await consentLookup.checkEligibility(input);
  } catch (error) {
    if (!isOutOfAttempts(error)) throw error;
    return failClosed('consent_unavailable', { channel: input.channel }, new Date(), input.policy);
  }
}
