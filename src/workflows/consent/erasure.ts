/** Erases a data subject from the ledger. Only a keyed hash of the objection remains. */
import { checkErasure, type ErasureInput, type ErasureResult } from '../../contract/consent.ts';
import { fatalFailure } from '../../contract/failures.ts';
import { erasures } from '../policies.ts';

export async function erasure(given: ErasureInput): Promise<ErasureResult> {
  const checked = checkErasure(given);
  if ('problems' in checked) throw fatalFailure('InvalidInput', checked.problems.join('; '));
  return erasures.eraseSubject(checked.input);
}
