/** Finds rows of a source that mean the same contact (docs/adr/0013-sources-and-files.md#duplicates-in-a-source). Pure. */

/** What makes two rows duplicates. `either`: the contactId or the first phone number. `both`: both of them. */
export type Dedupe = 'either' | 'contactId' | 'phone' | 'both';

export interface DuplicateCandidate {
  /** 1-based line in the source. */
  readonly line: number;
  readonly contactId: string;
  /** The first phone number of the contact. */
  readonly phone: string;
}

export interface Duplicate {
  readonly winnerLine: number;
  /** What the two rows have in common. */
  readonly key: 'contactId' | 'phone' | 'both';
}

export interface DuplicateFinder {
  /**
   * null: the row is a winner, and later rows with its keys are its duplicates. Call it for valid rows, in the order of the
   * source.
   */
  check(row: DuplicateCandidate): Duplicate | null;
}

/**
 * The first row with a key wins. A duplicate row does not reserve its other key, so every duplicate names a row that is
 * going to be written. Needs about 200 bytes of memory for each winner.
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
  const reserveKeys = ({ line, contactId, phone }: DuplicateCandidate): void => {
    const row = { line, contactId, phone }; // a copy, because the caller's object may reference the whole row
    if (dedupe === 'both') byBoth.set(pairKey(row), row);
    if (dedupe === 'either' || dedupe === 'contactId') byContactId.set(row.contactId, row);
    if (dedupe === 'either' || dedupe === 'phone') byPhone.set(row.phone, row);
  };
  return {
    check(row) {
      const winner = find(row);
      if (winner) return { winnerLine: winner.line, key: sharedKey(row, winner) };
      reserveKeys(row);
      return null;
    },
  };
}

/** E.164 has no space, so the first space separates the two. */
function pairKey(row: DuplicateCandidate): string {
  return `${row.phone} ${row.contactId}`;
}

function sharedKey(row: DuplicateCandidate, winner: DuplicateCandidate): Duplicate['key'] {
  if (row.contactId !== winner.contactId) return 'phone';
  return row.phone === winner.phone ? 'both' : 'contactId';
}
