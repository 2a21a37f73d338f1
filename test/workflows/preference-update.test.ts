import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import type { Progress } from '../../src/contract/steering.ts';
import { runWorkflow, stubActivities, useRealServer, waitForPhase } from './harness.ts';

const server = useRealServer();
const getResult = (handle: WorkflowHandle) => handle.result() as Promise<PreferenceUpdateResult>;

function start<T>(
  stubs: ReturnType<typeof stubActivities>,
  input: object,
  interact: (handle: WorkflowHandle) => Promise<T>,
): Promise<T> {
  const args = { source: { dataset: 'ds' }, ...input };
  return runWorkflow(server(), stubs, { type: 'preferenceUpdate', args }, interact);
}

describe.concurrent('a preference update', () => {
  it('has the steps of every bulk operation, and the preferences of the tenant as its target', async () => {
    const lookups = { requests: 120, withoutContactId: 0 };
    const stubs = stubActivities({ planned: { rejected: 0, lookups } });
    const result = await start(stubs, {}, getResult);
    expect(result.state).toBe('completed');
    const names = stubs.calls.map((call) => call.name).filter((name) => name !== 'setPhase');
    expect(names).toEqual([
      'openRun',
      'stageRecords',
      'planWrites',
      'writePage',
      'writePage',
      'writePage',
      'listInDoubt',
      'closeRun',
    ]);
    expect(stubs.named('openRun')).toMatchObject([{ kind: 'preferenceUpdate', target: 'preferences' }]);
  });

  it('waits for approval, and shows how many records staging has rejected', async () => {
    const planned = { toWrite: 297, rejected: 3, lookups: { requests: 120, withoutContactId: 0 } };
    const stubs = stubActivities({ planned });
    const interact = async (handle: WorkflowHandle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      const progress = await handle.query<Progress>('progress');
      await handle.signal('approve', { by: 'dana' });
      await handle.result();
      return progress;
    };
    const progress = await start(stubs, { approval: true }, interact);
    expect(progress.counts).toEqual({ total: 350, pending: 297, invalid: 40, duplicate: 10, rejected: 3 });
  });

  it('a dry run ends after the plan', async () => {
    const stubs = stubActivities();
    await start(stubs, { dryRun: true }, getResult);
    expect(stubs.named('writePage')).toEqual([]);
  });

  it('an invalid input fails at once and names every invalid field', async () => {
    const interact = (handle: WorkflowHandle) =>
      handle.result().then(
        () => null,
        (reason: WorkflowFailedError) => reason,
      );
    const input = { guard: 'no', listId: 'L1', source: { url: 'https://a.test' } };
    const error = await start(stubActivities(), input, interact);
    const message = error?.cause?.message ?? '';
    for (const field of ['guard', 'listId', 'source']) expect(message).toContain(field);
  });
});
