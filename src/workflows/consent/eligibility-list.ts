/**
 * The same question of every row of a dataset.
 *
 * 1. ask      row by row; what has no answer is asked for again as long as there is progress between rounds of tries
 * 2. give up  on those that CXone does not answer for when asked once more: not eligible (fail closed)
 */
import type { EligibilityListInput, EligibilityListResult } from '../../contract/run.ts';
import { checkEligibilityList } from '../../contract/input.ts';
import {
  asking,
  askingAll,
  askingOnceMore,
  endsTheRun,
  hasRunOutOfTries,
  isWaitingItsTurn,
} from '../policies.ts';

export async function eligibilityList(given: EligibilityListInput): Promise<EligibilityListResult> {
  const checked = checkEligibilityList(given);
  if ('problems' in checked) throw endsTheRun('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  for (let before = -1; ; ) {
    try {
      return await askingAll.checkRows({ ...input, giveUp: false });
    } catch (error) {
      if (!hasRunOutOfTries(error)) throw error;
      const through = await asking.checkedThrough();
      // A busy line is no outage: whoever waits for their turn gets it.
      if (through === before && !isWaitingItsTurn(error)) break;
      before = through;
    }
  }
  return askingOnceMore.checkRows({ ...input, giveUp: true });
}
