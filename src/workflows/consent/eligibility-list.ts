/**
 * Eligibility of every row of a dataset.
 *
 * 1. check  row by row; rows without an answer are looked up again for as long as each round of attempts answers more rows
 * 2. close  look up the remaining rows once more; those that CXone still does not answer are not eligible (fail closed)
 */
import {
  checkEligibilityList,
  type EligibilityListInput,
  type EligibilityListResult,
} from '../../contract/consent.ts';
import { requireInput } from '../input.ts';
import { consentLookups, finalConsentLookups, isOutOfAttempts, isRateLimited, ledger } from '../policies.ts';

export async function eligibilityList(given: EligibilityListInput): Promise<EligibilityListResult> {
  const input = requireInput(checkEligibilityList(given));
  for (let before = -1; ; ) {
    try {
      return await consentLookups.checkRows({ ...input, isLastPass: false });
    } catch (error) {
      if (!isOutOfAttempts(error)) throw error;
      const answered = await ledger.countCheckedRows();
      // Waiting for the rate limit is no outage: the rows will be answered in time.
      if (answered === before && !isRateLimited(error)) break;
      before = answered;
    }
  }
  return finalConsentLookups.checkRows({ ...input, isLastPass: true });
}
