import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeFormula, unescapeFormula } from '../../src/domain/cells.ts';

/**
 * Strings in which the characters that matter are frequent; `fc.string()` alone would hardly ever hit them.
 */
const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', '1', '.', 'a', '\n', '"', ',') }),
  fc.string({ unit: 'binary' }),
);

describe('cells of files that spreadsheets open', () => {
  it('come back from defusing exactly as they were, quotes and formula characters in any order', () => {
    fc.assert(fc.property(cell, (value) => unescapeFormula(escapeFormula(value)) === value));
  });

  it('never begin with a formula character, unless they are E.164 or a plain number', () => {
    fc.assert(
      fc.property(cell, (value) => {
        const written = escapeFormula(value);
        return !/^[=+\-@\t\r]/.test(written) || /^[+-]?\d+(\.\d+)?$/.test(written);
      }),
    );
  });

  it.each([
    ['=1+1', "'=1+1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['-2+3+cmd|x', "'-2+3+cmd|x"],
    ['+14155550100', '+14155550100'],
    ['-5.25', '-5.25'],
    ['+1 415 555 0100', "'+1 415 555 0100"],
    ['+1\n', "'+1\n"],
    ["'=1+1", "''=1+1"],
    ["'quoted'", "'quoted'"],
    ['plain', 'plain'],
    ['', ''],
  ])('%j is written as %j', (value, written) => {
    expect(escapeFormula(value)).toBe(written);
  });

  it("a number that a person kept as text by a ' is the number", () => {
    expect(unescapeFormula("'+14155550100")).toBe('+14155550100');
  });
});
