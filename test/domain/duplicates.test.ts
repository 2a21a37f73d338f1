import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createDuplicateFinder,
  type Dedupe,
  type Duplicate,
} from '../../src/domain/contact-import/contacts.ts';

interface Row {
  readonly seq: number;
  readonly line: number;
  readonly contactId: string;
  readonly phone: string;
}

const rows = fc
  .array(
    fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('+11', '+12', '+13', '+14', '+15')),
  )
  .map((pairs) =>
    pairs.map(([contactId, phone], i): Row => ({ seq: i + 1, line: 2 + 3 * i, contactId, phone })),
  );

function settle(dedupe: Dedupe, from: readonly Row[]): readonly { row: Row; loses: Duplicate | null }[] {
  const finder = createDuplicateFinder(dedupe);
  return from.map((row) => ({ row, loses: finder.see(row) }));
}

function share(dedupe: Dedupe, one: Row, other: Row): boolean {
  const [id, phone] = [one.contactId === other.contactId, one.phone === other.phone];
  return { either: id || phone, both: id && phone, contactId: id, phone }[dedupe];
}

describe.each<Dedupe>(['either', 'contactId', 'phone', 'both'])('duplicates by %s', (dedupe) => {
  it('every loser names an earlier winner and what it shares with it', () => {
    fc.assert(
      fc.property(rows, (from) => {
        const settled = settle(dedupe, from);
        const winners = new Map(settled.filter(({ loses }) => !loses).map(({ row }) => [row.line, row]));
        for (const { row, loses } of settled) {
          if (!loses) continue;
          const winner = winners.get(loses.winnerLine);
          expect(winner).toBeDefined();
          if (!winner) continue;
          expect(winner.seq).toBe(loses.winnerSeq);
          expect(winner.seq).toBeLessThan(row.seq);
          expect(share(dedupe, row, winner)).toBe(true);
          expect(winner.contactId === row.contactId).toBe(loses.key !== 'phone');
          expect(winner.phone === row.phone).toBe(loses.key !== 'contactId');
        }
      }),
    );
  });

  it('no two winners share a key, and every row without a winner before it wins', () => {
    fc.assert(
      fc.property(rows, (from) => {
        const winners: Row[] = [];
        for (const { row, loses } of settle(dedupe, from)) {
          expect(loses !== null).toBe(winners.some((winner) => share(dedupe, row, winner)));
          if (!loses) winners.push(row);
        }
      }),
    );
  });
});

describe('a row that has lost', () => {
  it('claims nothing: a third row that shares only with it is written', () => {
    const settled = settle('either', [
      { seq: 1, line: 2, contactId: 'a', phone: '+11' },
      { seq: 2, line: 3, contactId: 'a', phone: '+12' },
      { seq: 3, line: 4, contactId: 'b', phone: '+12' },
    ]);
    expect(settled.map(({ loses }) => loses?.winnerLine ?? null)).toEqual([null, 2, null]);
  });
});
