import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { BREAKS_RULES, fatalFailure } from '../../src/contract/failures.ts';
import type { SelectionUpdateResult } from '../../src/contract/selection-update.ts';
import type { Progress, ShownConflict } from '../../src/contract/steering.ts';
import { eventually } from '../harness/wait.ts';
import {
  getFailure,
  runWorkflow,
  type StubOverrides,
  stubActivities,
  useRealServer,
  waitForPhase,
} from './harness.ts';

const server = useRealServer();
const CHANGE = { add: { targetListIds: ['L2'] } };

const CONFLICTS: readonly ShownConflict[] = [
  { place: 'lists/L2', base: 'nothing', theirs: 'exclusion', ours: 'target', hash: 'h1' },
  { place: 'priorityOrder', base: 'none', theirs: '"a"', ours: '"b"', hash: 'h2' },
];

const runSelectionUpdate = <T>(
  stubs: ReturnType<typeof stubActivities>,
  input: Record<string, unknown>,
  interact: (handle: WorkflowHandle) => Promise<T>,
): Promise<T> =>
  runWorkflow(
    server(),
    stubs,
    { type: 'selectionUpdate', args: { campaignId: 'C1', change: CHANGE, ...input } },
    interact,
  );

const getResult = (handle: WorkflowHandle) => handle.result() as Promise<SelectionUpdateResult>;

/** Returns these results one after the other, and repeats the last one. */
function writeResults(...answers: readonly object[]): Pick<StubOverrides, 'writeSelection'> {
  let n = 0;
  return { writeSelection: () => answers[Math.min(n++, answers.length - 1)] };
}
const PLANNED = {
  hash: 'p',
  list: 'C1',
  total: 1,
  toWrite: 0,
  invalid: 0,
  duplicate: 0,
  batches: 0,
  pageBatches: 1,
  options: {},
  reasons: [],
  changes: [],
};
const DONE = { kind: 'done', outcome: 'updated', version: 5 };
const CONFLICT = { kind: 'conflict', conflicts: CONFLICTS };
const listCalls = ({ calls }: ReturnType<typeof stubActivities>) =>
  calls.map(({ name }) => name).filter((name) => name !== 'setPhase');

describe.concurrent('the steps of a selection update', () => {
  it('are: read, plan, write, deliver, close', async () => {
    const stubs = stubActivities({
      openRun: () => ({
        searchAttributes: false,
        hasSubscriber: true,
      }),
    });
    expect((await runSelectionUpdate(stubs, {}, getResult)).state).toBe('completed');
    expect(listCalls(stubs)).toEqual([
      'openRun',
      'readSelection',
      'planSelection',
      'writeSelection',
      'deliverEvents',
      'closeRun',
    ]);
  });

  it('the write is repeated after each collision', async () => {
    const collision = { kind: 'outdated', version: 4 };
    const stubs = stubActivities(writeResults(collision, collision, DONE));
    expect((await runSelectionUpdate(stubs, { onConflict: 'mine' }, getResult)).state).toBe('completed');
    expect(stubs.named('writeSelection')).toHaveLength(3);
  });

  it('a dry run ends after the plan', async () => {
    const stubs = stubActivities();
    expect((await runSelectionUpdate(stubs, { dryRun: true }, getResult)).state).toBe('completed');
    expect(stubs.named('writeSelection')).toEqual([]);
  });

  it('no approval is required if nothing would change', async () => {
    const stubs = stubActivities({ planSelection: () => PLANNED });
    expect((await runSelectionUpdate(stubs, { approval: true }, getResult)).state).toBe('completed');
  });

  it('a run that would write more than the approved plan showed waits for approval again', async () => {
    for (const decision of ['approve', 'reject']) {
      const plans = [{ hash: 'p1', toWrite: 1 }, { toWrite: 0 }, { hash: 'p3', toWrite: 1 }];
      const unplanned = { kind: 'unplanned' };
      const stubs = stubActivities({
        planSelection: () => ({ ...PLANNED, ...plans.shift() }),
        ...writeResults(unplanned, unplanned, DONE),
      });
      const result = await runSelectionUpdate(stubs, { approval: true }, async (handle) => {
        const waits = () =>
          stubs.named('setPhase').filter((arg) => (arg as Progress).phase === 'awaiting_approval').length;
        const waitsFor = (times: number) => eventually(() => expect(waits()).toBe(times));
        await waitsFor(1);
        await handle.signal('approve', { by: 'dana', planHash: 'p1' });
        await waitsFor(2);
        await handle.signal(decision, { by: 'dana', planHash: 'p3' });
        return getResult(handle);
      });
      expect(result.state).toBe(decision === 'approve' ? 'completed' : 'rejected');
      expect(stubs.named('readSelection')).toHaveLength(3);
      expect(stubs.named('writeSelection')).toHaveLength(decision === 'approve' ? 3 : 2);
    }
  });

  it('an invalid input fails at once and names the path of every invalid field', async () => {
    const stubs = stubActivities();
    const wrong = {
      campaignId: 'C 1',
      change: undefined,
      selection: { filterRules: [{}] },
      onConflict: 'fight',
    };
    const failure = await runSelectionUpdate(stubs, wrong, getFailure);
    expect(failure.type).toBe('InvalidInput');
    for (const path of [
      'campaignId',
      'selection.targetListIds',
      'selection.filterRules[0].value',
      'onConflict',
    ])
      expect(failure.message).toContain(path);
    expect(stubs.calls).toEqual([]);
  });

  it("a refused selection fails the run with CXone's message", async () => {
    const stubs = stubActivities(writeResults({ kind: 'refused', message: 'list L2 is archived' }));
    const failure = await runSelectionUpdate(stubs, {}, getFailure);
    expect(failure).toMatchObject({ type: 'Refused' });
    expect(failure.message).toContain('list L2 is archived');
    expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: 'failed' })]);
  });

  it('an input that breaks the rules of selections is stored as such, and no other that does not fit', async () => {
    const failureOf = async (message: string, ...details: string[]) => {
      const planSelection = () => {
        throw fatalFailure('InvalidInput', message, ...details);
      };
      const stubs = stubActivities({ planSelection });
      await runSelectionUpdate(stubs, {}, getFailure);
      return (stubs.named('closeRun') as { failure: unknown }[]).map(({ failure }) => failure);
    };
    const type = 'InvalidInput';
    expect(await failureOf('too many', BREAKS_RULES)).toEqual([
      { type, breaksRules: true, message: 'too many' },
    ]);
    expect(await failureOf('no such version')).toEqual([{ type, message: 'no such version' }]);
  });
});

describe.concurrent('a conflict', () => {
  it('fails the run with the base, theirs and ours of each place', async () => {
    const stubs = stubActivities(writeResults(CONFLICT));
    const failure = await runSelectionUpdate(stubs, {}, getFailure);
    expect(failure.type).toBe('Conflict');
    expect(failure.message).toContain('lists/L2 was nothing, theirs is exclusion, ours is target');
    expect(failure.message).toMatch(/--id \S+ and --on-conflict mine\|theirs\|ask/);
    expect(stubs.named('leaveConflict')).toHaveLength(1);
  });

  it('waits until every place is answered, and passes each answer on with the hash of its conflict', async () => {
    const stubs = stubActivities(writeResults(CONFLICT, DONE));
    const result = await runSelectionUpdate(stubs, { onConflict: 'ask' }, async (handle) => {
      await waitForPhase(stubs, 'conflict');
      const decide = (decision: object) =>
        handle.executeUpdate<Progress, [object]>('decide', { args: [decision] });
      await expect(decide({ action: 'resolve', verdict: 'resend' })).rejects.toMatchObject({
        cause: { message: expect.stringContaining('answers must be') as string },
      });
      await expect(decide({ action: 'resolve', answers: { 'lists/L2': 'mine' } })).rejects.toMatchObject({
        cause: { message: 'answers are missing for priorityOrder' },
      });
      await expect(decide({ action: 'resolve', answers: { 'lists/L2': 'both' } })).rejects.toMatchObject({
        cause: { message: expect.stringContaining('"mine", "theirs", or an object') as string },
      });
      const answers = { 'lists/L2': 'mine', priorityOrder: 'theirs' };
      await expect(decide({ action: 'resolve', answers, seen: ['h1', 'h0'] })).rejects.toMatchObject({
        cause: {
          message: expect.stringContaining('changed again since you saw it: priorityOrder') as string,
        },
      });
      await decide({ action: 'resolve', by: 'dana', reason: 'agreed', answers, seen: ['h1', 'h2'] });
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('writeSelection')).toEqual([
      expect.objectContaining({ answered: [] }),
      expect.objectContaining({
        answered: [
          {
            places: [
              { place: 'lists/L2', hash: 'h1', side: 'mine' },
              { place: 'priorityOrder', hash: 'h2', side: 'theirs' },
            ],
            by: 'dana',
            reason: 'agreed',
          },
        ],
      }),
    ]);
  });

  it('can be answered by a signal; one that is too early or names another place is refused', async () => {
    const stubs = stubActivities(writeResults(CONFLICT, DONE));
    const result = await runSelectionUpdate(stubs, { onConflict: 'ask', approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.signal('resolve', { answers: 'mine' });
      await handle.signal('approve', { by: 'dana' });
      await waitForPhase(stubs, 'conflict');
      await handle.signal('resolve', { answers: { 'lists/L7': 'mine' } });
      await handle.signal('resolve', { answers: 'theirs', by: 'dana' });
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('recordRefusal')).toHaveLength(2);
    expect(stubs.named('writeSelection')[1]).toMatchObject({
      answered: [{ places: [{ side: 'theirs' }, { side: 'theirs' }] }],
    });
  });

  it('the first of two answers counts, and the second is refused', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const stubs = stubActivities({
      ...writeResults(CONFLICT, DONE),
      setPhase: ({ phase: entered }) => (entered === 'conflict' ? released : undefined),
    });
    const result = await runSelectionUpdate(stubs, { onConflict: 'ask' }, async (handle) => {
      await waitForPhase(stubs, 'conflict');
      await handle.signal('resolve', { answers: 'ours', by: 'dana' });
      await handle.signal('resolve', { answers: 'theirs', by: 'kim' });
      await eventually(() => expect(stubs.named('recordRefusal')).toHaveLength(1));
      release();
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('recordRefusal')).toMatchObject([
      { refusal: { by: 'kim', why: 'the conflict was already answered by dana' } },
    ]);
    expect(stubs.named('writeSelection')[1]).toMatchObject({
      answered: [{ places: [{ side: 'mine' }, { side: 'mine' }] }],
    });
  });

  it('a cancelled run stops waiting for an answer', async () => {
    const stubs = stubActivities(writeResults(CONFLICT));
    const result = await runSelectionUpdate(stubs, { onConflict: 'ask' }, async (handle) => {
      await waitForPhase(stubs, 'conflict');
      await handle.signal('cancel', { by: 'dana' });
      return getResult(handle);
    });
    expect(result.state).toBe('cancelled');
  });
});

it.concurrent('a rejected run writes nothing', async () => {
  const stubs = stubActivities();
  const result = await runSelectionUpdate(stubs, { approval: true }, async (handle) => {
    await waitForPhase(stubs, 'awaiting_approval');
    await handle.signal('reject', { by: 'dana' });
    return getResult(handle);
  });
  expect(result.state).toBe('rejected');
  expect(stubs.named('writeSelection')).toEqual([]);
});

it.concurrent('a paused run writes nothing until it is resumed', async () => {
  const stubs = stubActivities({ ...writeResults({ kind: 'halted' }, DONE) });
  const result = await runSelectionUpdate(stubs, { approval: true }, async (handle) => {
    await waitForPhase(stubs, 'awaiting_approval');
    await handle.signal('pause', { by: 'dana' });
    await handle.signal('approve', { by: 'dana' });
    await waitForPhase(stubs, 'paused');
    expect(stubs.named('writeSelection')).toEqual([]);
    await handle.signal('resume', { by: 'dana' });
    return getResult(handle);
  });
  expect(result.state).toBe('completed');
  expect(stubs.named('writeSelection')).toHaveLength(2);
});
