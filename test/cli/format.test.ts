import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, formatPercent, shellQuote } from '../../src/cli/terminal/format.ts';
import { plural } from '../../src/domain/numbers.ts';

describe('numbers and names', () => {
  it('never round to 100 % or 0 %', () => {
    const parts = fc
      .tuple(fc.integer({ min: 1, max: 5_000_000 }), fc.integer({ min: 2, max: 5_000_000 }))
      .filter(([part, whole]) => part < whole);
    fc.assert(
      fc.property(parts, ([part, whole]) => {
        const shown = Number.parseFloat(formatPercent(part, whole));
        return shown > 0 && shown < 100;
      }),
    );
    expect(formatPercent(3, 3)).toBe('100.0 %');
    expect(formatPercent(0, 3)).toBe('0.0 %');
    expect(formatPercent(0, 0)).toBe('0.0 %');
  });

  it.each([
    [0, '0 ms'],
    [999.6, '1000 ms'],
    [1_234, '1.2 s'],
    [3_000, '3 s'],
    [59_499, '59 s'],
    [59_500, '1 min 0 s'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [86_400_000 * 3 + 3_600_000 * 4, '3 d 4 h'],
  ])('%d ms is %s', (ms, shown) => {
    expect(formatDuration(ms)).toBe(shown);
  });

  it('are singular for one and plural otherwise', () => {
    expect([plural(1, 'batch'), plural(2, 'batch'), plural(0, 'entry'), plural(1_200, 'record')]).toEqual([
      '1 batch',
      '2 batches',
      '0 entries',
      '1,200 records',
    ]);
  });

  it('are quoted if a shell would split them', () => {
    expect(shellQuote('contact-import:L1:3f9a')).toBe('contact-import:L1:3f9a');
    expect(shellQuote("Dana's run; rm")).toBe("'Dana'\\''s run; rm'");
    expect(shellQuote('~dana')).toBe("'~dana'");
  });
});
