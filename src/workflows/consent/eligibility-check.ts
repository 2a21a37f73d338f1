/**
 * May this person be reached on this channel now? One look-up of CXone's preference, judged by the rules.
 * What is not to be had in time is a no (fail closed).
 */
import {
  checkEligibilityCheck,
  type Eligibility,
  type EligibilityCheckInput,
} from '../../contract/consent.ts';
import { unavailable } from '../../domain/consent/eligibility.ts';
import { consentLookup, fatalFailure, hasRunOutOfTries } from '../policies.ts';

export async function eligibilityCheck(given: EligibilityCheckInput): Promise<Eligibility> {
  const checked = checkEligibilityCheck(given);
  if ('problems' in checked) throw fatalFailure('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  try {
    return await consentLookup.checkEligibility(input);
  } catch (error) {
    if (!hasRunOutOfTries(error)) throw error;
    return unavailable('consent_unavailable', { channel: input.channel }, new Date(), input.policy);
  }
}
