import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { ListLoadResult } from '../../src/contract/list-load.ts';
import type { Progress } from '../../src/contract/steering.ts';
import {
  fatalFailure,
  getFailure,
  runWorkflow,
  stubActivities,
  useRealServer,
  waitForPhase,
} from './harness.ts';

const server = useRealServer();
const getResult = (handle: WorkflowHandle) => handle.result() as Promise<ListLoadResult>;

function start<T>(
  stubs: ReturnType<typeof stubActivities>,
  input: object,
  interact: (handle: WorkflowHandle) => Promise<T>,
): Promise<T> {
  const args = { listId: 'L1', campaignId: 'C1', source: { dataset: 'ds' }, ...input };
  return runWorkflow(server(), stubs, { type: 'listLoad', args }, interact);
}

/** When each page was scheduled and when it had ended, in the order of the history. */
async function listPageEvents(handle: WorkflowHandle): Promise<readonly string[]> {
  const { events } = await handle.fetchHistory();
  const scheduled = new Set<string>();
  return (events ?? []).flatMap((event) => {
    const { activityTaskScheduledEventAttributes: begun, activityTaskCompletedEventAttributes: ended } =
      event;
    if (begun?.activityType?.name === 'writePage') scheduled.add(String(event.eventId));
    else if (!ended || !scheduled.has(String(ended.scheduledEventId))) return [];
    return begun ? 'begins' : 'ends';
  });
}

describe.concurrent('a list load', () => {
  it('has the steps of every bulk operation', async () => {
    const stubs = stubActivities({ planned: { openPages: 1 } });
    const result = await start(stubs, {}, getResult);
    expect(result.state).toBe('completed');
    const names = stubs.calls.map((call) => call.name).filter((name) => name !== 'setPhase');
    expect(names).toEqual([
      ...['openRun', 'stageRecords', 'planWrites', 'writePage', 'writePage', 'writePage'],
      ...['listInDoubt', 'closeRun'],
    ]);
    expect(stubs.named('openRun')).toMatchObject([{ kind: 'listLoad', target: 'L1' }]);
  });

  it('writes one page at a time, in their order, because its best records go first', async () => {
    const stubs = stubActivities({ planned: { openPages: 1 } });
    const pages = await start(stubs, {}, async (handle) => {
      await handle.result();
      return listPageEvents(handle);
    });
    expect(pages).toEqual(['begins', 'ends', 'begins', 'ends', 'begins', 'ends']);
    expect(stubs.named('writePage')).toMatchObject([{ fromBatch: 1 }, { fromBatch: 2 }, { fromBatch: 3 }]);
  });

  it('waits for approval, and shows who is suppressed and what there is no room for', async () => {
    const planned = { toWrite: 250, suppressed: 30, cancelled: 20, openPages: 1 as const };
    const stubs = stubActivities({ planned });
    const progress = await start(stubs, { approval: true, fit: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      const shown = await handle.query<Progress>('progress');
      await handle.signal('approve', { by: 'dana' });
      await handle.result();
      return shown;
    });
    expect(progress.counts).toEqual({
      ...{ total: 350, pending: 250, invalid: 40, duplicate: 10 },
      ...{ suppressed: 30, cancelled: 20 },
    });
  });

  it.each([
    ['stageRecords', 'SuppressionsDoubtful', 'the list is empty'],
    ['planWrites', 'NoCapacity', 'there is room for 10 of 300'],
  ])('fails if %s ends with %s, and writes nothing', async (activity, type, message) => {
    const stubs = stubActivities({
      [activity]: () => {
        throw fatalFailure(type, message);
      },
    });
    expect(await start(stubs, {}, getFailure)).toMatchObject({ type, message });
    expect(stubs.named('writePage')).toEqual([]);
    expect(stubs.named('closeRun')).toMatchObject([{ state: 'failed', failure: { type, message } }]);
  });

  it('an invalid input fails at once and names every invalid field', async () => {
    const failure = await start(
      stubActivities(),
      { campaignId: '', fit: 'yes', scoring: { base: 'x' } },
      getFailure,
    );
    expect(failure.type).toBe('InvalidInput');
    for (const field of ['campaignId', 'fit', 'scoring']) expect(failure.message).toContain(field);
  });
});
