import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createShowNumber, showGeneral } from '../../src/sources/workbook.formats.ts';

/** What a cell shows, or the code of its damage. */
function show(format: number | string, value: number, is1904 = false): string {
  const [id, code] = typeof format === 'number' ? [format, undefined] : [200, format];
  const shown = createShowNumber(id, code, is1904)(value);
  return typeof shown === 'string' ? shown : shown.code;
}

describe('a number in a cell', () => {
  it.each<[number | string, number, string]>([
    [0, 0, '0'],
    [0, -0, '0'],
    [0, 100_045_000_001, '100045000001'],
    [0, 999_999_999_999_999, '999999999999999'],
    [0, 1e15, 'cell_digits_lost'],
    [0, -1e15, 'cell_digits_lost'],
    [1, 1.234_567_890_123_45e18, 'cell_digits_lost'],
    ['00000', 12_345_678_901_234_567_890, 'cell_digits_lost'],
    [0, 0.1 + 0.2, '0.3'],
    [0, 8.1, '8.1'],
    [0, 1e-7, '1E-7'],
    [49, 42, '42'],
    ['@', 14_155_550_100, '14155550100'],
    ['General', 14_155_550_100, '14155550100'],
    ['00000', 2_134, '02134'],
    ['000-00-0000', 12_345_678, '012-34-5678'],
    ['"+"0', 14_155_550_100, '+14155550100'],
    ['+#', 14_155_550_100, '+14155550100'],
    ['(###) ###-####', 4_155_550_100, '(415) 555-0100'],
    [1, 12.7, '13'],
    [2, 12.345, '12.35'],
    [3, 1_234_567, '1234567'],
    [4, 1_234.5, '1234.50'],
    ['#,##0.00', -1_234.5, '-1234.50'],
    ['[$€-407] #,##0.00', 1_234.5, '€ 1234.50'],
    ['#,##0.00 [$€-407]', 1_234.5, '1234.50 €'],
    [9, 0.25, '25%'],
    [10, 0.256, '25.60%'],
    [11, 100_045_000_001, 'cell_scientific'],
    ['0E+0', 5, 'cell_scientific'],
    [11, 0.000_123, '1.23E-04'],
    [12, 1.5, '1 1/2'],
    [';;;', 42, '42'],
    ['[Red]0;[Blue]-0', -5, '-5'],
    ['what is "this', 7, '7'],
    [999, 7, '7'],
  ])('with the format %j and the value %d shows %j', (format, value, shown) => {
    expect(show(format, value)).toBe(shown);
  });

  it('with up to 15 digits keeps all of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }), (value) => {
        expect(showGeneral(value)).toBe(value.toString());
        expect(show('0', value)).toBe(value.toString());
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999 }), (value) => {
        expect(show('00000', value)).toBe(value.toString().padStart(5, '0'));
      }),
    );
  });
});

describe('a date in a cell', () => {
  it.each<[number | string, number, string]>([
    [14, 45_597, '2024-11-01'],
    [14, 45_597.99, '2024-11-01'],
    [15, 1, '1900-01-01'],
    [15, 59, '1900-02-28'],
    [15, 60, 'cell_not_a_date'],
    [15, 61, '1900-03-01'],
    [14, 0, 'cell_not_a_date'],
    [14, -1, 'cell_not_a_date'],
    [14, 2_958_465, '9999-12-31'],
    [14, 2_958_466, 'cell_not_a_date'],
    [14, 1e300, 'cell_not_a_date'],
    [22, 45_597.5, '2024-11-01T12:00:00'],
    [22, 45_597, '2024-11-01'],
    [22, 45_597.385_763_888_89, '2024-11-01T09:15:30'],
    [22, 45_597.999_999_999_9, '2024-11-02T00:00:00'],
    [20, 0.25, '06:00:00'],
    [20, 45_597.25, '06:00:00'],
    [46, 1.25, '30:00:00'],
    [31, 45_597, '2024-11-01'],
    [58, 45_597.5, '2024-11-01T12:00:00'],
    [33, 0.5, '12:00:00'],
    ['dd.mm.yyyy', 45_597, '2024-11-01'],
    ['[$-407]d. mmmm yyyy;@', 45_597, '2024-11-01'],
    ['[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy', 45_597, '2024-11-01'],
    ['yyyy-mm-dd"T"hh:mm:ss', 45_597.75, '2024-11-01T18:00:00'],
    ['yyyy-mm-dd hh:mm:ss.000', 45_597.750_001, '2024-11-01T18:00:00.086'],
    ['h:mm AM/PM', 0.75, '18:00:00'],
    ['"day "0', 45_597, 'day 45597'],
    ['0 "days"', 3, '3 days'],
  ])('with the format %j and the value %d is %j', (format, value, shown) => {
    expect(show(format, value)).toBe(shown);
  });

  it('counts from 1904 if the workbook does', () => {
    expect(show(14, 0, true)).toBe('1904-01-01');
    expect(show(14, 60, true)).toBe('1904-03-01');
    expect(show(14, 44_135, true)).toBe('2024-11-01');
    expect(show(14, 2_957_004, true)).toBe('cell_not_a_date');
  });

  it('is the day on which Excel counts it, for every day after February 1900', () => {
    fc.assert(
      fc.property(fc.integer({ min: 61, max: 2_958_465 }), (serial) => {
        const day = new Date(Date.UTC(1899, 11, 30) + serial * 86_400_000).toISOString().slice(0, 10);
        expect(show('yyyy/mm/dd', serial)).toBe(day);
        expect(show('yyyy/mm/dd', serial - 1_462, true)).toBe(serial < 1_462 ? 'cell_not_a_date' : day);
      }),
    );
  });
});
