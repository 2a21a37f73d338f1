/** Finds rows that mean the same item (docs/list-load.md#duplicates). Pure. */
import type { Reason } from '../run.ts';
import { nameOfKey } from './identity.ts';

export interface RankedCandidate {
  /** 1-based line in the source. */
  readonly line: number;
  /** See `toKey`. */
  readonly keys: readonly string[];
}

export interface RankedDuplicate {
  readonly winnerLine: number;
  /** The first key that the two have in common. Personal data. */
  readonly key: string;
}

interface RankedDuplicateFinder {
  /** null: the row is a winner, and later rows with one of its keys are its duplicates. Call it in the order of the ranks. */
  check(row: RankedCandidate): RankedDuplicate | null;
}

/**
 * Greedy: a duplicate row claims none of its keys. So of a chain A–B, B–C, C–D the first and the third may both win, no key is
 * uploaded twice, and every duplicate names a row that is uploaded. Needs memory for the keys of the winners only.
 */
export function createRankedDuplicateFinder(): RankedDuplicateFinder {
  const winners = new Map<string, number>();
  return {
    check({ line, keys }) {
      for (const key of keys) {
        const winnerLine = winners.get(key);
        if (winnerLine !== undefined) return { winnerLine, key };
      }
      for (const key of keys) winners.set(key, line);
      return null;
    },
  };
}

/** Names the winner and what the two rows share, without its value. */
export function duplicateReason({ winnerLine, key }: RankedDuplicate): Reason {
  const what = nameOfKey(key);
  const message = `the same ${what} as line ${winnerLine}, which comes first by score, updated_at and line`;
  return { code: 'duplicate_in_source', field: what, message };
}
