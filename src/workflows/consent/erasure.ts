/** One person out of the ledger, at their request. The objection stays, as a keyed hash. */
import { checkErasure, type ErasureResult, type ErasureInput } from '../../contract/consent.ts';
import { erasures, fatalFailure } from '../policies.ts';

export async function erasure(given: ErasureInput): Promise<ErasureResult> {
  const checked = checkErasure(given);
  if ('problems' in checked) throw fatalFailure('InvalidInput', checked.problems.join('; '));
  return erasures.erasePerson(checked.input);
}
