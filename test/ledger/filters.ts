/** Word filters outside of the ledger. */
import { hashId } from '../../src/ledger/words.ts';

/** The same test as the function `may_contain` in the ledger. */
export function mayName(filter: Buffer, id: string): boolean {
  const bits = filter.length * 8;
  return hashId(id)
    .flat()
    .every((hash) => ((filter[Math.floor((hash % bits) / 8)] ?? 0) & (1 << ((hash % bits) % 8))) !== 0);
}
