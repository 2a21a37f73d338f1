/** One person out of the ledger, at their request. The objection stays, as a keyed hash. */
import type { Erased, ErasureInput } from '../../contract/run.ts';
import { checkErasure } from '../../contract/input.ts';
import { allRowsNow, endsTheRun } from '../policies.ts';

export async function erasure(given: ErasureInput): Promise<Erased> {
  const checked = checkErasure(given);
  if ('problems' in checked) throw endsTheRun('InvalidInput', checked.problems.join('; '));
  return allRowsNow.erasePerson(checked.input);
}
