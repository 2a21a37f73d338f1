import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SharedStrings } from '../../src/sources/workbook.strings.ts';

describe('shared texts', () => {
  it('are found by their numbers, in memory and in a file', () => {
    const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 3_000 });
    fc.assert(
      fc.property(texts, fc.constantFrom(0, 5_000, 1e9), (given, memoryBytes) => {
        const strings = new SharedStrings(memoryBytes);
        for (const text of given) strings.add(text);
        expect(given.map((_, at) => strings.get(at))).toEqual(given);
        for (const at of [-1, given.length, Number.NaN]) expect(strings.get(at)).toBeUndefined();
        strings.close();
      }),
      { numRuns: 30 },
    );
  });

  it('beyond the memory are in a file that has no name any more', () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('cxflow-workbook-'));
    const strings = new SharedStrings(1_000);
    for (let n = 0; n < 5_000; n += 1) strings.add(`text ${n}`);
    expect(strings.isSpilled).toBe(true);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('cxflow-workbook-'))).toEqual(before);
    // Back and forth, so that blocks are read again.
    for (let n = 0; n < 5_000; n += 701) expect(strings.get(n)).toBe(`text ${n}`);
    expect(strings.get(3)).toBe('text 3');
    strings.close();
    expect(strings.get(3)).toBeUndefined();
  });
});
