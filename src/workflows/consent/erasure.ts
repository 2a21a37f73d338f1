/** Erases a data subject from the ledger. Only a keyed hash of the objection remains. */
import { checkErasure, type ErasureInput, type ErasureResult } from '../../contract/consent.ts';
import { requireInput } from '../input.ts';
import { erasures } from '../policies.ts';

export async function erasure(given: ErasureInput): Promise<ErasureResult> {
  const input = requireInput(checkErasure(given));
  return erasures.eraseSubject(input);
}
