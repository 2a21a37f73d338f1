import { expect, it } from 'vitest';
import { renderWaitingFor } from '../../src/cli/actions/erase.ts';

it('suggests what to do about each run that an erasure waits for; a failed run cannot be cancelled', () => {
  const running = { runId: 'r1', state: 'running' };
  const failed = { runId: 'r2', state: 'failed' };
  expect(renderWaitingFor([running, failed], 'cxflow').join()).toMatch(
    /`cxflow cancel`.*r2 failed.*start it again/,
  );
  expect(renderWaitingFor([failed], 'cxflow').join()).not.toContain('cancel');
  expect(renderWaitingFor([running], 'cxflow').join()).not.toContain('start it again');
});
