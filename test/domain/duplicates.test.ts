import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createDuplicateFinder,
  type Dedupe,
  type Duplicate,
} from '../../src/domain/contact-import/contacts.ts';

interface Row {
  readonly line: number;
  readonly contactId: string;
  readonly phone: string;
}

const rows = fc
  .array(
    fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('+11', '+12', '+13', '+14', '+15')),
  )
  .map((pairs) => pairs.map(([contactId, phone], i): Row => ({ line: 2 + 3 * i, contactId, phone })));

function findDuplicates(
  dedupe: Dedupe,
  from: readonly Row[],
): readonly { row: Row; duplicate: Duplicate | null }[] {
  const finder = createDuplicateFinder(dedupe);
  return from.map((row) => ({ row, duplicate: finder.check(row) }));
}

function share(dedupe: Dedupe, one: Row, other: Row): boolean {
  const [id, phone] = [one.contactId === other.contactId, one.phone === other.phone];
  return { either: id || phone, both: id && phone, contactId: id, phone }[dedupe];
}

describe.each<Dedupe>(['either', 'contactId', 'phone', 'both'])('duplicates by %s', (dedupe) => {
  it('every duplicate names an earlier winner and the key that they share', () => {
    fc.assert(
      fc.property(rows, (from) => {
        const checked = findDuplicates(dedupe, from);
        const winners = new Map(
          checked.filter(({ duplicate }) => !duplicate).map(({ row }) => [row.line, row]),
        );
        for (const { row, duplicate } of checked) {
          if (!duplicate) continue;
          const winner = winners.get(duplicate.winnerLine);
          expect(winner).toBeDefined();
          if (!winner) continue;
          expect(winner.line).toBe(duplicate.winnerLine);
          expect(winner.line).toBeLessThan(row.line);
          expect(share(dedupe, row, winner)).toBe(true);
          expect(winner.contactId === row.contactId).toBe(duplicate.key !== 'phone');
          expect(winner.phone === row.phone).toBe(duplicate.key !== 'contactId');
        }
      }),
    );
  });

  it('no two winners share a key, and every row that shares no key with an earlier winner wins', () => {
    fc.assert(
      fc.property(rows, (from) => {
        const winners: Row[] = [];
        for (const { row, duplicate } of findDuplicates(dedupe, from)) {
          expect(duplicate !== null).toBe(winners.some((winner) => share(dedupe, row, winner)));
          if (!duplicate) winners.push(row);
        }
      }),
    );
  });
});

describe('a duplicate row', () => {
  it('does not reserve its other key for itself', () => {
    const checked = findDuplicates('either', [
      { line: 2, contactId: 'a', phone: '+11' },
      { line: 3, contactId: 'a', phone: '+12' },
      { line: 4, contactId: 'b', phone: '+12' },
    ]);
    expect(checked.map(({ duplicate }) => duplicate?.winnerLine ?? null)).toEqual([null, 2, null]);
  });
});
