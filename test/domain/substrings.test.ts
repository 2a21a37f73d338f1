import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Substrings } from '../../src/domain/substrings.ts';

const text = (maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '😀'), maxLength });

function covered(text: string, spans: readonly (readonly [number, number])[]): string {
  return [...text.split('')]
    .map((_, at) => (spans.some(([start, length]) => at >= start && at < start + length) ? 'x' : '.'))
    .join('');
}

describe('substrings', () => {
  it('cover what a search for each of them covers', () => {
    fc.assert(
      fc.property(fc.array(text(6), { maxLength: 8 }), text(30), (wanted, within) => {
        const found: [number, number][] = [];
        new Substrings(wanted).find(within, (start, length) => found.push([start, length]));
        const expected = wanted.flatMap((each) =>
          [...within.split('')].flatMap((_, at): [number, number][] =>
            each !== '' && within.startsWith(each, at) ? [[at, each.length]] : [],
          ),
        );
        expect(covered(within, found)).toBe(covered(within, expected));
        for (const [start, length] of found) expect(wanted).toContain(within.slice(start, start + length));
      }),
    );
  });
});
