import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRankedDuplicateFinder, duplicateReason } from '../../../src/domain/list-load/duplicates.ts';
import { compareRank, type Ranked } from '../../../src/domain/list-load/rank.ts';
import { type Row, rankAndSettle, settle, type Valid } from './rows.ts';

const PHONES = ['+14155550101', '+14155550102', '+14155550103', '+14155550104'];
const time = fc.constantFrom('', '2026-01-01', '2026-01-02T08:00:00Z', '2026-01-02T09:00:00+01:00');
const arbitraryRow = fc.record({
  phone_number: fc.constantFrom('', ...PHONES),
  phone2: fc.constantFrom('', ...PHONES),
  contact_id: fc.constantFrom('a', 'b', ''),
  updated_at: time,
  score: fc.constantFrom('90', '90.0', '9', '-3', '', 'x'),
});
const rows: fc.Arbitrary<readonly Row[]> = fc.array(arbitraryRow, { maxLength: 25 });
const list = fc.subarray([...PHONES.map((phone) => `phone:${phone}`), 'contact:a']);
const COLUMNS = ['phone_number', 'phone2', 'contact_id', 'updated_at', 'score'];
const rules = { deduplicateBy: ['phone_number', 'phone2'], scoring: { column: 'score' } };
const shuffled = <T>(from: readonly T[]) => fc.shuffledSubarray([...from], { minLength: from.length });

const lines = (valid: readonly Valid[]) => valid.map(({ line }) => line);

describe('any rows', () => {
  it('end in exactly one outcome each', () => {
    fc.assert(
      fc.property(rows, list, (from, suppressed) => {
        const settled = settle(COLUMNS, from, { rules, suppressed });
        const all = [
          ...lines([...settled.loaded, ...settled.suppressed]),
          ...settled.duplicates.map(({ row }) => row.line),
          ...settled.invalid.map(({ line }) => line),
        ];
        expect(all.toSorted((a, b) => a - b)).toEqual(from.map((_, i) => i + 2));
      }),
    );
  });

  it('give the same winners in the same order, in whatever order they are read', () => {
    const permuted = rows.chain((from) => {
      const { loaded, duplicates, suppressed } = settle(COLUMNS, from, { rules });
      const valid = [...loaded, ...suppressed, ...duplicates.map(({ row }) => row)];
      return fc.record({ valid: fc.constant(valid), other: shuffled(valid), list });
    });
    fc.assert(
      fc.property(permuted, ({ valid, other, list: suppressed }) => {
        const [one, two] = [valid, other].map((each) => rankAndSettle(each, new Set(suppressed)));
        expect(lines(two?.loaded ?? [])).toEqual(lines(one?.loaded ?? []));
        expect(two?.duplicates).toEqual(one?.duplicates);
      }),
    );
  });

  it('are never uploaded if they are suppressed, and no key is uploaded twice', () => {
    fc.assert(
      fc.property(rows, list, (from, suppressed) => {
        const { loaded } = settle(COLUMNS, from, { rules, suppressed });
        const keys = loaded.flatMap((row) => row.keys);
        expect(new Set(keys).size).toBe(keys.length);
        expect(keys.filter((key) => suppressed.includes(key))).toEqual([]);
      }),
    );
  });

  it('are duplicates only of a winner that comes before them and shares the key', () => {
    fc.assert(
      fc.property(rows, (from) => {
        const { loaded, duplicates } = settle(COLUMNS, from, { rules });
        for (const { row, duplicate } of duplicates) {
          const winner = loaded.find(({ line }) => line === duplicate.winnerLine);
          expect(winner?.keys).toContain(duplicate.key);
          expect(row.keys).toContain(duplicate.key);
          expect(winner && compareRank(winner, row)).toBeLessThan(0);
        }
        // And whoever shares no key with a better winner wins.
        for (const [index, row] of loaded.entries())
          for (const other of loaded.slice(0, index))
            expect(other.keys.filter((key) => row.keys.includes(key))).toEqual([]);
      }),
    );
  });
});

describe('the order of ranks', () => {
  const ranked: fc.Arbitrary<readonly Ranked[]> = fc.uniqueArray(
    fc.record({
      score: fc.constantFrom(110, 100, 8.5, 0, -1),
      updatedAt: fc.constantFrom(null, '1999-12-31T23:59:59.999Z', '2026-01-01T00:00:00.000Z'),
      line: fc.nat(1_000),
    }),
    { selector: ({ line }) => line },
  );

  it('is total', () => {
    const both = ranked.chain((from) => fc.tuple(fc.constant(from), shuffled(from)));
    fc.assert(
      fc.property(both, ([from, other]) => {
        expect(other.toSorted(compareRank)).toEqual(from.toSorted(compareRank));
      }),
    );
  });

  it('is score, then newer, then lower line; without a time a row counts as the oldest', () => {
    const [first, second, third, fourth] = [
      { score: 110, updatedAt: null, line: 9 },
      { score: 100, updatedAt: '2026-01-02T00:00:00.000Z', line: 8 },
      { score: 100, updatedAt: '2026-01-01T00:00:00.000Z', line: 2 },
      { score: 100, updatedAt: null, line: 1 },
    ] as const;
    expect([fourth, second, first, third].toSorted(compareRank)).toEqual([first, second, third, fourth]);
  });
});

describe('a duplicate row', () => {
  it('claims nothing: of a chain A–B, B–C, C–D the first and the third win', () => {
    const finder = createRankedDuplicateFinder();
    const chain = [
      { line: 2, keys: ['a', 'b'] },
      { line: 3, keys: ['b', 'c'] },
      { line: 4, keys: ['c', 'd'] },
    ];
    expect(chain.map((row) => finder.check(row)?.winnerLine ?? null)).toEqual([null, 2, null]);
  });

  it('names what it shares with the winner, but not the value', () => {
    const reason = (key: string) => duplicateReason({ winnerLine: 7, key });
    expect(reason('phone:+14155550101').field).toBe('phone number');
    expect(reason('email:ann@example.com').field).toBe('email address');
    expect(reason('field:["account","A1"]').field).toBe('account');
    expect(JSON.stringify(reason('phone:+14155550101'))).not.toContain('555');
  });
});
