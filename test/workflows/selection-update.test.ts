import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it, vi } from 'vitest';
import type { Progress, ShownConflict } from '../../src/contract/steering.ts';
import type { SelectionUpdateResult } from '../../src/contract/selection-update.ts';
import { phase, playWorkflow, type Script, stubActivities, useRealServer } from './stubs.ts';

const stage = useRealServer();
const CHANGE = { add: { targetListIds: ['L2'] } };

export const CONFLICTS: readonly ShownConflict[] = [
  { place: 'lists/L2', base: 'nothing', theirs: 'exclusion', ours: 'target', hash: 'h1' },
  { place: 'priorityOrder', base: 'none', theirs: '"a"', ours: '"b"', hash: 'h2' },
];

const play = <T>(
  stubs: ReturnType<typeof stubActivities>,
  input: Record<string, unknown>,
  scene: (handle: WorkflowHandle) => Promise<T>,
): Promise<T> =>
  playWorkflow(
    stage(),
    stubs,
    { type: 'selectionUpdate', args: { campaignId: 'C1', change: CHANGE, ...input } },
    scene,
  );

const resultOf = (handle: WorkflowHandle) => handle.result() as Promise<SelectionUpdateResult>;
const failureOf = async (handle: WorkflowHandle): Promise<ApplicationFailure> => {
  const error = await handle.result().then(
    () => null,
    (reason: WorkflowFailedError) => reason,
  );
  expect(error?.cause).toBeInstanceOf(ApplicationFailure);
  return error?.cause as ApplicationFailure;
};

/** Answers with these, one after the other; the last one again and again. */
function writes(...answers: readonly object[]): Pick<Script, 'writeSelection'> {
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
const OUTDATED = { kind: 'outdated', version: 4 };
const CONFLICT = { kind: 'conflict', conflicts: CONFLICTS };
const namesOf = ({ calls }: ReturnType<typeof stubActivities>) =>
  calls.map(({ name }) => name).filter((name) => name !== 'setPhase');

describe('the story', () => {
  it('looks, plans, writes, tells, closes', async () => {
    const stubs = stubActivities({
      openRun: () => ({
        startedAt: '2026-01-01T00:00:00.000Z',
        searchAttributes: false,
        hasSubscriber: true,
      }),
    });
    expect((await play(stubs, {}, resultOf)).state).toBe('completed');
    expect(namesOf(stubs)).toEqual([
      'openRun',
      'readSelection',
      'planSelection',
      'writeSelection',
      'deliverEvents',
      'closeRun',
    ]);
  });

  it('a dry run ends at the plan', async () => {
    const stubs = stubActivities();
    expect((await play(stubs, { dryRun: true }, resultOf)).state).toBe('completed');
    expect(stubs.named('writeSelection')).toEqual([]);
  });

  it('what changes nothing is not asked an approval for', async () => {
    const stubs = stubActivities({ planSelection: () => PLANNED });
    expect((await play(stubs, { approval: true }, resultOf)).state).toBe('completed');
  });

  it('asks again before it writes more than the plan showed that was approved, and takes a no for it', async () => {
    for (const word of ['approve', 'reject']) {
      const plans = [{ hash: 'p1', toWrite: 1 }, { toWrite: 0 }, { hash: 'p3', toWrite: 1 }];
      const unplanned = { kind: 'unplanned' };
      const stubs = stubActivities({
        planSelection: () => ({ ...PLANNED, ...plans.shift() }),
        ...writes(unplanned, unplanned, DONE),
      });
      const result = await play(stubs, { approval: true }, async (handle) => {
        const waits = () =>
          stubs.named('setPhase').filter((arg) => (arg as Progress).phase === 'awaiting_approval').length;
        const waitsFor = (times: number) =>
          vi.waitFor(() => expect(waits()).toBe(times), { timeout: 30_000 });
        await waitsFor(1);
        await handle.signal('approve', { by: 'dana', planHash: 'p1' });
        await waitsFor(2);
        await handle.signal(word, { by: 'dana', planHash: 'p3' });
        return resultOf(handle);
      });
      expect(result.state).toBe(word === 'approve' ? 'completed' : 'rejected');
      expect(stubs.named('readSelection')).toHaveLength(3);
      expect(stubs.named('writeSelection')).toHaveLength(word === 'approve' ? 3 : 2);
    }
  });

  it('wrong input fails at once and names every field with its path', async () => {
    const stubs = stubActivities();
    const wrong = {
      campaignId: 'C 1',
      change: undefined,
      selection: { filterRules: [{}] },
      onConflict: 'fight',
    };
    const failure = await play(stubs, wrong, failureOf);
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

  it('looks again after every collision, and gives up after eight', async () => {
    const stubs = stubActivities(writes(OUTDATED, OUTDATED, DONE));
    expect((await play(stubs, {}, resultOf)).state).toBe('completed');
    expect(stubs.named('writeSelection')).toHaveLength(3);

    const endless = stubActivities(writes(OUTDATED));
    const failure = await play(endless, { onConflict: 'mine' }, failureOf);
    expect(failure.type).toBe('Conflict');
    expect(endless.named('writeSelection')).toHaveLength(8);
    expect(endless.named('leaveConflict')).toHaveLength(1);
  });

  it('with theirs, somebody who never stops keeps what is theirs, and the run says so', async () => {
    const stubs = stubActivities(writes(OUTDATED));
    expect((await play(stubs, { onConflict: 'theirs' }, resultOf)).state).toBe('completed');
    expect(stubs.named('leaveConflict')).toHaveLength(1);
  });

  it("CXone's refusal ends the run in CXone's words", async () => {
    const stubs = stubActivities(writes({ kind: 'refused', message: 'list L2 is archived' }));
    const failure = await play(stubs, {}, failureOf);
    expect(failure).toMatchObject({ type: 'Refused' });
    expect(failure.message).toContain('list L2 is archived');
    expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: 'failed' })]);
  });
});

describe('a conflict', () => {
  it('fails the run and says what it was, theirs, ours', async () => {
    const stubs = stubActivities(writes(CONFLICT));
    const failure = await play(stubs, {}, failureOf);
    expect(failure.type).toBe('Conflict');
    expect(failure.message).toContain('lists/L2 was nothing, theirs is exclusion, ours is target');
    expect(failure.message).toMatch(/--id \S+ and --on-conflict mine\|theirs\|ask/);
    expect(stubs.named('leaveConflict')).toHaveLength(1);
  });

  it('waits for an answer for each place, shows them, and hands the answers over for what was seen', async () => {
    const stubs = stubActivities(writes(CONFLICT, DONE));
    const result = await play(stubs, { onConflict: 'ask' }, async (handle) => {
      await phase(stubs, 'conflict');
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
        cause: { message: expect.stringContaining('priorityOrder: not what you saw') as string },
      });
      await decide({ action: 'resolve', by: 'dana', reason: 'agreed', answers, seen: ['h1', 'h2'] });
      return resultOf(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('writeSelection')).toEqual([
      expect.objectContaining({ answered: [] }),
      expect.objectContaining({
        answered: [
          { place: 'lists/L2', hash: 'h1', side: 'mine', by: 'dana', reason: 'agreed' },
          { place: 'priorityOrder', hash: 'h2', side: 'theirs', by: 'dana', reason: 'agreed' },
        ],
      }),
    ]);
  });

  it('a signal answers too; an early or a strange one changes nothing and is shown', async () => {
    const stubs = stubActivities(writes(CONFLICT, DONE));
    const result = await play(stubs, { onConflict: 'ask', approval: true }, async (handle) => {
      await phase(stubs, 'awaiting_approval');
      await handle.signal('resolve', { answers: 'mine' });
      await handle.signal('approve', { by: 'dana' });
      await phase(stubs, 'conflict');
      await handle.signal('resolve', { answers: { 'lists/L7': 'mine' } });
      await handle.signal('resolve', { answers: 'theirs', by: 'dana' });
      return resultOf(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('recordRefusal')).toHaveLength(2);
    expect(stubs.named('writeSelection')[1]).toMatchObject({
      answered: [{ side: 'theirs' }, { side: 'theirs' }],
    });
  });

  it('of two answers to one question the first counts, and the second is told so', async () => {
    let release = (): void => undefined;
    const told = new Promise<void>((resolve) => (release = resolve));
    const stubs = stubActivities({
      ...writes(CONFLICT, DONE),
      setPhase: ({ phase: entered }) => (entered === 'conflict' ? told : undefined),
    });
    const result = await play(stubs, { onConflict: 'ask' }, async (handle) => {
      await phase(stubs, 'conflict');
      await handle.signal('resolve', { answers: 'mine', by: 'dana' });
      await handle.signal('resolve', { answers: 'theirs', by: 'kim' });
      await vi.waitFor(() => expect(stubs.named('recordRefusal')).toHaveLength(1), { timeout: 30_000 });
      release();
      return resultOf(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('recordRefusal')).toMatchObject([
      { refusal: { by: 'kim', why: 'it was answered already by dana' } },
    ]);
    expect(stubs.named('writeSelection')[1]).toMatchObject({
      answered: [{ side: 'mine' }, { side: 'mine' }],
    });
  });

  it('a cancelled run waits no longer', async () => {
    const stubs = stubActivities(writes(CONFLICT));
    const result = await play(stubs, { onConflict: 'ask' }, async (handle) => {
      await phase(stubs, 'conflict');
      await handle.signal('cancel', { by: 'dana' });
      return resultOf(handle);
    });
    expect(result.state).toBe('cancelled');
  });
});

it('a rejected plan writes nothing', async () => {
  const stubs = stubActivities();
  const result = await play(stubs, { approval: true }, async (handle) => {
    await phase(stubs, 'awaiting_approval');
    await handle.signal('reject', { by: 'dana' });
    return resultOf(handle);
  });
  expect(result.state).toBe('rejected');
  expect(stubs.named('writeSelection')).toEqual([]);
});

it('a paused run writes nothing until it is resumed', async () => {
  const stubs = stubActivities({ ...writes({ kind: 'halted' }, DONE) });
  const result = await play(stubs, { approval: true }, async (handle) => {
    await phase(stubs, 'awaiting_approval');
    await handle.signal('pause', { by: 'dana' });
    await handle.signal('approve', { by: 'dana' });
    await phase(stubs, 'paused');
    expect(stubs.named('writeSelection')).toEqual([]);
    await handle.signal('resume', { by: 'dana' });
    return resultOf(handle);
  });
  expect(result.state).toBe('completed');
  expect(stubs.named('writeSelection')).toHaveLength(2);
});
