/** Which rows of a source are the same contact (decisions.md 4). Pure; holds the keys of the winners only. */

/** `either`: same contactId or same first phone. `both`: same contactId and same first phone. */
export type Dedupe = 'either' | 'contactId' | 'phone' | 'both';

export interface DuplicateCandidate {
  readonly seq: number;
  /** 1-based line in the source. */
  readonly line: number;
  readonly contactId: string;
  /** The first phone number of the contact. */
  readonly phone: string;
}

export interface Duplicate {
  readonly winnerLine: number;
  readonly winnerSeq: number;
  /** What the two rows share. */
  readonly key: 'contactId' | 'phone' | 'both';
}

export interface DuplicateFinder {
  /** Null: the row wins, and claims its keys. Valid rows only, in the order of the source. */
  see(row: DuplicateCandidate): Duplicate | null;
}

/**
 * The first *winner* of a key wins: a row that has lost claims nothing with its other key, so every loser
 * names a row that is going to be written. Memory grows with the winners: about 200 bytes each.
 */
export function createDuplicateFinder(dedupe: Dedupe): DuplicateFinder {
  const byContactId = new Map<string, DuplicateCandidate>();
  const byPhone = new Map<string, DuplicateCandidate>();
  const byBoth = new Map<string, DuplicateCandidate>();
  const find = (row: DuplicateCandidate): DuplicateCandidate | undefined => {
    if (dedupe === 'both') return byBoth.get(pairKey(row));
    return (
      (dedupe === 'phone' ? undefined : byContactId.get(row.contactId)) ??
      (dedupe === 'contactId' ? undefined : byPhone.get(row.phone))
    );
  };
  const claim = ({ seq, line, contactId, phone }: DuplicateCandidate): void => {
    const row = { seq, line, contactId, phone }; // not the caller's object, which may hold the whole row
    if (dedupe === 'both') byBoth.set(pairKey(row), row);
    if (dedupe === 'either' || dedupe === 'contactId') byContactId.set(row.contactId, row);
    if (dedupe === 'either' || dedupe === 'phone') byPhone.set(row.phone, row);
  };
  return {
    see(row) {
      const winner = find(row);
      if (winner) return { winnerLine: winner.line, winnerSeq: winner.seq, key: sharedKey(row, winner) };
      claim(row);
      return null;
    },
  };
}

/** A phone in E.164 has no space, so the first space ends it. */
function pairKey(row: DuplicateCandidate): string {
  return `${row.phone} ${row.contactId}`;
}

function sharedKey(row: DuplicateCandidate, winner: DuplicateCandidate): Duplicate['key'] {
  if (row.contactId !== winner.contactId) return 'phone';
  return row.phone === winner.phone ? 'both' : 'contactId';
}
