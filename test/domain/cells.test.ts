import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeFormula, unescapeFormula } from '../../src/domain/cells.ts';

/** Strings with many of the special characters, which `fc.string()` alone would hardly ever contain. */
const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', '1', '.', 'a', '\n', '"', ',') }),
  fc.string({ unit: 'binary' }),
);

describe('cells of exported files', () => {
  it('are restored exactly, with quotes and formula characters in any order', () => {
    fc.assert(fc.property(cell, (value) => unescapeFormula(escapeFormula(value)) === value));
  });

  it('never begin with a formula character, except E.164 and plain numbers', () => {
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
    ["'00123", "''00123"],
    ['="00123"', `'="00123"`],
    ['plain', 'plain'],
    ['', ''],
  ])('%j is written as %j', (value, written) => {
    expect(escapeFormula(value)).toBe(written);
  });

  it("lose the ' with which a person kept a number as text", () => {
    expect(unescapeFormula("'+14155550100")).toBe('+14155550100');
    expect(unescapeFormula("'00123")).toBe('00123');
    expect(unescapeFormula("'90s")).toBe("'90s");
  });

  it('lose the formula with which programs keep a text as it is', () => {
    expect(unescapeFormula('="00123"')).toBe('00123');
    expect(unescapeFormula('="a"&"b"')).toBe('="a"&"b"');
  });
});
