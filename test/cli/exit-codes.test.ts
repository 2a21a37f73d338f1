import { describe, expect, it } from 'vitest';
import { exitCodeOfRun } from '../../src/cli/exit-codes.ts';
import { NEEDS_ATTENTION, OUTCOMES } from '../../src/domain/run.ts';

describe('the exit code of a run', () => {
  it('is 0 if no record needs attention', () => {
    expect(exitCodeOfRun('completed', { created: 5, existing: 2, updated: 1, duplicate: 3 })).toBe(0);
  });

  it.each(OUTCOMES.map((outcome) => [outcome, NEEDS_ATTENTION.includes(outcome) ? 3 : 0] as const))(
    'for a completed run with a record that is %s is %d',
    (outcome, code) => {
      expect(exitCodeOfRun('completed', { created: 9, [outcome]: 1 })).toBe(code);
    },
  );

  it('is 1 for a failed run and 4 for one that was rejected or cancelled, whatever its records', () => {
    const codes = (['failed', 'rejected', 'cancelled'] as const).map((state) =>
      exitCodeOfRun(state, { invalid: 1 }),
    );
    expect(codes).toEqual([1, 4, 4]);
  });
});
