import { describe, expect, it } from 'vitest';
import { type EndedRun, stepsAfterRun } from '../../src/cli/next-steps.ts';

const commandsOf = (ended: Partial<EndedRun>) => {
  const run = { runId: 'r', kind: 'contactImport', state: 'completed', counts: {}, format: 'csv' } as const;
  return stepsAfterRun({ ...run, ...ended }, 'cxflow').map(({ command }) => command);
};

describe('what to type next', () => {
  it('is to retry what was not written, where a retry is to be had', () => {
    const counts = { created: 1, rejected: 2 };
    expect(commandsOf({ counts })).toContain('cxflow contacts import --retry-of r');
    expect(commandsOf({ counts, kind: 'preferenceUpdate' })).toContain(
      'cxflow preferences update --retry-of r',
    );
    expect(commandsOf({ counts, kind: 'somethingElse' }).join()).not.toContain('--retry-of');
    expect(commandsOf({ counts: { created: 3 } }).join()).not.toContain('--retry-of');
  });

  it('is to look at what a cancel left in doubt', () => {
    const look = 'cxflow records r --outcome in_doubt --format csv > in_doubt.csv';
    expect(commandsOf({ state: 'cancelled', counts: { in_doubt: 1, invalid: 1 } })[0]).toBe(look);
  });
});
