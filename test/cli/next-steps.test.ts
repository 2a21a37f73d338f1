import { describe, expect, it } from 'vitest';
import {
  type EndedRun,
  stepsAfterRun,
  stepsAfterSelection,
  stepsForConflict,
} from '../../src/cli/render/next-steps.ts';

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

describe('after an update of a selection', () => {
  const after = (more: object) =>
    stepsAfterSelection({ runId: 'r', campaignId: 'C1', state: 'failed', counts: {}, ...more }, 'cxflow').map(
      ({ command }) => command,
    );

  it('that failed of a conflict: the same run again, with a word for it', () => {
    const counts = { conflict: 1 };
    expect(after({ counts })[0]).toBe('cxflow selection update C1 FILE.json --id r --on-conflict ask');
    expect(after({ counts, rollbackOf: 'old' })[0]).toBe(
      'cxflow selection rollback old --id r --on-conflict ask',
    );
    expect(after({ counts: { rejected: 1 } }).join()).not.toContain('--on-conflict');
  });

  it('that asks: an answer for what is shown, as long as that can be copied', () => {
    const first = (seen: readonly string[] | null) => stepsForConflict('r', seen, 'cxflow')[0]?.command;
    expect(first(['h1', 'h2'])).toBe('cxflow resolve r --mine --seen h1,h2');
    expect(first(null)).toBe('cxflow resolve r --mine');
    expect(first(Array.from({ length: 50 }, String))).toBe('cxflow resolve r --mine');
  });
});
