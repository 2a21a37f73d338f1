import { describe, expect, it } from 'vitest';
import { CLI_OPERATIONS } from '../../src/cli/operations.ts';
import { type EndedRun, stepsAfterRun, stepsForConflict } from '../../src/cli/render/next-steps.ts';
import { stepsAfterSelectionUpdate } from '../../src/cli/render/selection-steps.ts';

const ENDED: EndedRun = {
  runId: 'r',
  target: 'L1',
  state: 'completed',
  dryRun: false,
  counts: {},
  input: {},
  result: null,
  sourceFormat: 'csv',
};

describe('the steps after a run of records', () => {
  const commandsFor = (change: Partial<EndedRun>, kind = 'contactImport') => {
    const operation = CLI_OPERATIONS.find((each) => each.kind === kind);
    return stepsAfterRun({ ...ENDED, ...change }, 'cxflow', operation?.retry).map(({ command }) => command);
  };

  it('retry what was not written, if the operation has a retry', () => {
    const counts = { created: 1, rejected: 2 };
    expect(commandsFor({ counts })).toContain('cxflow contacts import --retry-of r');
    expect(commandsFor({ counts }, 'preferenceUpdate')).toContain('cxflow preferences update --retry-of r');
    expect(commandsFor({ counts }, 'anotherOperation').join()).not.toContain('--retry-of');
    expect(commandsFor({ counts: { created: 3 } }).join()).not.toContain('--retry-of');
  });

  it('of a dry run claim nothing that was not done', () => {
    const counts = { pending: 5, invalid: 1, rejected: 2, cancelled: 1 };
    for (const { retry } of CLI_OPERATIONS) {
      const steps = stepsAfterRun({ ...ENDED, dryRun: true, counts }, 'cxflow', retry);
      const texts = steps.map(({ what, command }) => `${what}: ${command}`).join('\n');
      expect(texts).toContain('see the rows that would be kept back, with the reasons: cxflow records r');
      expect(texts).not.toMatch(/CXone rejected|were|retry|suppression list|charts/);
    }
  });

  it('begin with the records that a cancelled run left in doubt', () => {
    const review = 'cxflow records r --outcome in_doubt --format csv > in_doubt.csv';
    expect(commandsFor({ state: 'cancelled', counts: { in_doubt: 1, invalid: 1 } })[0]).toBe(review);
  });
});

describe('the steps after a selection update', () => {
  const commandsFor = (change: Partial<EndedRun>) =>
    stepsAfterSelectionUpdate({ ...ENDED, target: 'C1', state: 'failed', ...change }, 'cxflow').map(
      ({ command }) => command,
    );

  it('repeat a run that failed with a conflict under its own id', () => {
    const counts = { conflict: 1 };
    expect(commandsFor({ counts })[0]).toBe('cxflow selection update C1 FILE.json --id r --on-conflict ask');
    expect(commandsFor({ counts, input: { rollbackOf: 'earlier' } })[0]).toBe(
      'cxflow selection rollback earlier --id r --on-conflict ask',
    );
    expect(commandsFor({ counts: { rejected: 1 } }).join()).not.toContain('--on-conflict');
  });

  it('answer the conflicts that were shown, as long as their hashes fit on a line', () => {
    const first = (reviewed: readonly string[]) => stepsForConflict('r', reviewed, 'cxflow')[0]?.command;
    expect(first(['h1', 'h2'])).toBe('cxflow resolve r --mine --seen h1,h2');
    expect(first(Array.from({ length: 50 }, String))).toBe('cxflow resolve r --mine');
  });
});
