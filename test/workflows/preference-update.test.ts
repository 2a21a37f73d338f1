import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import type { Progress } from '../../src/contract/steering.ts';
import { phase, playWorkflow, stubActivities, useRealServer } from './stubs.ts';

const stage = useRealServer();
const resultOf = (handle: WorkflowHandle) => handle.result() as Promise<PreferenceUpdateResult>;

function start<T>(
  stubs: ReturnType<typeof stubActivities>,
  input: object,
  scene: (handle: WorkflowHandle) => Promise<T>,
): Promise<T> {
  const args = { source: { dataset: 'ds' }, ...input };
  return playWorkflow(stage(), stubs, { type: 'preferenceUpdate', args }, scene);
}

describe('a preference update', () => {
  it('tells the story of every bulk run, with the tenant’s preferences as its target', async () => {
    const lookUps = { requests: 120, withoutContactId: 0 };
    const stubs = stubActivities({ planned: { rejected: 0, lookUps } });
    const result = await start(stubs, {}, resultOf);
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

  it('waits for an approval, and shows what staging refused and how many look-ups the plan has', async () => {
    const planned = { toWrite: 297, rejected: 3, lookUps: { requests: 120, withoutContactId: 0 } };
    const stubs = stubActivities({ planned });
    const scene = async (handle: WorkflowHandle) => {
      await phase(stubs, 'awaiting_approval');
      const progress = await handle.query<Progress>('progress');
      await handle.signal('approve', { by: 'dana' });
      await handle.result();
      return progress;
    };
    const progress = await start(stubs, { approval: true }, scene);
    expect(progress.counts).toEqual({ total: 350, pending: 297, invalid: 40, duplicate: 10, rejected: 3 });
  });

  it('a dry run ends at the plan', async () => {
    const stubs = stubActivities();
    await start(stubs, { dryRun: true }, resultOf);
    expect(stubs.named('writePage')).toEqual([]);
  });

  it('wrong input fails at once, and names every field', async () => {
    const scene = (handle: WorkflowHandle) =>
      handle.result().then(
        () => null,
        (reason: WorkflowFailedError) => reason,
      );
    const input = { guard: 'no', listId: 'L1', source: { url: 'https://a.test' } };
    const error = await start(stubActivities(), input, scene);
    const message = error?.cause?.message ?? '';
    for (const field of ['guard', 'listId', 'source']) expect(message).toContain(field);
  });
});
