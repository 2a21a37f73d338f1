/**
 * The same question of every row of a dataset.
 *
 * 1. ask      row by row; what has no answer is asked for again as long as there is progress between rounds of tries
 * 2. give up  on those that CXone does not answer for when asked once more: not eligible (fail closed)
 */
import {
  checkEligibilityList,
  type EligibilityListInput,
  type EligibilityListResult,
} from '../../contract/consent.ts';
import {
  consentLookup,
  consentLookups,
  finalConsentLookups,
  fatalFailure,
  hasRunOutOfTries,
  isWaitingItsTurn,
} from '../policies.ts';

export async function eligibilityList(given: EligibilityListInput): Promise<EligibilityListResult> {
  const checked = checkEligibilityList(given);
  if ('problems' in checked) throw fatalFailure('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  for (let before = -1; ; ) {
    try {
      return await consentLookups.checkRows({ ...input, giveUp: false });
    } catch (error) {
      if (!hasRunOutOfTries(error)) throw error;
      const through = await consentLookup.checkedThrough();
      // A busy line is no outage: whoever waits for their turn gets it.
      if (through === before && !isWaitingItsTurn(error)) break;
      before = through;
    }
  }
  return finalConsentLookups.checkRows({ ...input, giveUp: true });
}
