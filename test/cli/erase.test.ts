import { expect, it } from 'vitest';
import { waitingLines } from '../../src/cli/commands/erase.ts';

it('says of each run that an erasure waits for what can be done: a failed one has ended, and cannot be cancelled', () => {
  const running = { runId: 'r1', state: 'running' };
  const failed = { runId: 'r2', state: 'failed' };
  expect(waitingLines([running, failed], 'cxflow').join()).toMatch(
    /`cxflow cancel`.*r2 failed.*start it again/,
  );
  expect(waitingLines([failed], 'cxflow').join()).not.toContain('cancel');
  expect(waitingLines([running], 'cxflow').join()).not.toContain('start it again');
});
