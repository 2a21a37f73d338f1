/** Messages of others fill the history of a run that waits. Temporal would end the run; so it goes on in a new history. */
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { RecordRefusal } from '../../src/activities/engine/runs.ts';
import { eventually } from '../harness/wait.ts';
import {
  fetchHistories,
  oneInDoubt,
  runWorkflow,
  type StubOverrides,
  settledPage,
  stubActivities,
  useShortHistories,
  waitForPhase,
} from './harness.ts';

const server = useShortHistories(100);

const SIGNALS = 1_000;
const FIRST = 150;
const DONE = { kind: 'done', outcome: 'updated', version: 5 };
const CONFLICT = { place: 'lists/L2', base: '', theirs: 'exclusion', ours: 'target', hash: 'h1' };
const IMPORT = { type: 'contactImport', args: { listId: 'L1', source: { dataset: 'ds' } } };
const SELECTION = {
  type: 'selectionUpdate',
  args: { campaignId: 'C1', change: { add: { targetListIds: ['L2'] } } },
};
const RESUME = { action: 'resume' };
const APPROVE = { action: 'approve' };

/**
 * An activity that waits for CXone: first for so long that only a new history ends the wait. There it waits for moments, because
 * all signals may have been sent before, and then nothing would end the wait.
 */
function waitForCxone<T>(isFlooded: () => boolean, answer: T): () => T {
  let nextRetryDelay: '1 hour' | '1 second' = '1 hour';
  return () => {
    if (isFlooded()) return answer;
    const failure = ApplicationFailure.create({ type: 'RateLimited', message: 'm', nextRetryDelay });
    nextRetryDelay = '1 second';
    throw failure;
  };
}

interface Waiting {
  readonly workflow: { readonly type: string; readonly args: object };
  readonly input?: object;
  /** `isFlooded`: the signals have been sent. */
  readonly stubs?: (isFlooded: () => boolean) => StubOverrides;
  /** Brings the run into the wait. */
  readonly begin: (handle: WorkflowHandle, stubs: ReturnType<typeof stubActivities>) => Promise<unknown>;
  /** Ends the wait. Absent: it ends by itself. */
  readonly end?: object;
}

const paused: Waiting['begin'] = (handle) =>
  handle.executeUpdate('decide', { args: [{ action: 'pause', by: 'dana' }] });
const inApproval: Waiting['begin'] = (_, stubs) => waitForPhase(stubs, 'awaiting_approval');
const calls =
  (name: string): Waiting['begin'] =>
  (_, stubs) =>
    eventually(() => expect(stubs.named(name).length).toBeGreaterThan(0));

const WAITS: Readonly<Record<string, Waiting>> = {
  'an import that waits for approval': {
    workflow: IMPORT,
    input: { approval: true, approvalDeadline: '1 hour' },
    begin: inApproval,
    end: APPROVE,
  },
  'preferences that wait for approval': {
    workflow: { type: 'preferenceUpdate', args: { source: { dataset: 'ds' } } },
    input: { approval: true },
    begin: inApproval,
    end: APPROVE,
  },
  'a selection that waits for approval': {
    workflow: SELECTION,
    input: { approval: true },
    begin: inApproval,
    end: APPROVE,
  },
  'a paused import': {
    workflow: IMPORT,
    stubs: () => ({ planned: { batches: 100, pageBatches: 1 } }),
    begin: paused,
    end: RESUME,
  },
  'a paused selection': {
    workflow: SELECTION,
    input: { approval: true },
    begin: async (handle, stubs) => {
      await inApproval(handle, stubs);
      await paused(handle, stubs);
      await handle.executeUpdate('decide', { args: [APPROVE] });
    },
    end: RESUME,
  },
  'an import with a write in doubt': {
    workflow: IMPORT,
    stubs: oneInDoubt,
    begin: (_, stubs) => waitForPhase(stubs, 'in_doubt'),
    end: { action: 'resolve', verdict: 'leave', writeId: '7' },
  },
  'a selection in conflict': {
    workflow: SELECTION,
    input: { onConflict: 'ask' },
    stubs: () => ({
      writeSelection: ({ answered }) =>
        answered.length > 0 ? DONE : { kind: 'conflict', conflicts: [CONFLICT] },
    }),
    begin: (_, stubs) => waitForPhase(stubs, 'conflict'),
    end: { action: 'resolve', answers: 'mine' },
  },
  'an import whose page waits for CXone': {
    workflow: IMPORT,
    stubs: (isFlooded) => ({
      planned: { batches: 1, toWrite: 100 },
      writePage: waitForCxone(isFlooded, settledPage({ total: 100, pending: 0, created: 100 })),
    }),
    begin: calls('writePage'),
  },
  'a selection whose write waits for CXone': {
    workflow: SELECTION,
    stubs: (isFlooded) => ({
      writeSelection: waitForCxone(isFlooded, DONE),
    }),
    begin: calls('writeSelection'),
  },
};

/** While a run goes on in a new history, Temporal may refuse a signal; its sender learns so, and repeats it. */
async function signal(handle: WorkflowHandle, name: string, n: number): Promise<void> {
  for (;;) {
    try {
      return await handle.signal(name, { by: `script ${n}`, reason: 'again' });
    } catch (error) {
      if (!/workflow is closing/.test(String((error as Error).cause))) throw error;
      await delay(50);
    }
  }
}

/**
 * The first ones make the history long, and the run has taken them before the others are sent: a history is far too long if it has
 * twice the length that it had when the run noticed that it is long, and a fast server may hand over all signals at once.
 */
async function send(handle: WorkflowHandle): Promise<void> {
  await sendSome(handle, 0, FIRST);
  await eventually(async () => expect((await handle.describe()).raw.pendingWorkflowTask ?? null).toBe(null));
  await sendSome(handle, FIRST, SIGNALS);
}

async function sendSome(handle: WorkflowHandle, from: number, to: number): Promise<void> {
  for (let sent = from; sent < to; sent += 50)
    await Promise.all(Array.from({ length: 50 }, (_, n) => signal(handle, 'nonsense', sent + n)));
}

/** The events of each execution, those of the last one first. */
const histories = async ({ workflowId }: WorkflowHandle) =>
  (await fetchHistories(server().client, workflowId)).map(({ history }) => history.events ?? []);

function countRefusals(stubs: ReturnType<typeof stubActivities>): number {
  const calls = stubs.named('recordRefusal') as readonly RecordRefusal[];
  return calls.reduce((sum, { more = [] }) => sum + 1 + more.length, 0);
}

describe.concurrent('a thousand signals', () => {
  it.each(Object.entries(WAITS))('do not end %s, and none is lost', async (_, wait) => {
    let isFlooded = false;
    const stubs = stubActivities(wait.stubs?.(() => isFlooded));
    const workflow = { ...wait.workflow, args: { ...wait.workflow.args, ...wait.input } };
    await runWorkflow(server(), stubs, workflow, async (handle) => {
      await wait.begin(handle, stubs);
      await send(handle);
      await eventually(async () => expect((await histories(handle)).length).toBeGreaterThan(1));
      isFlooded = true;
      if (wait.end) await handle.executeUpdate('decide', { args: [{ by: 'dana', ...wait.end }] });
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      const lengths = (await histories(handle)).map((events) => events.length);
      expect(lengths.length).toBeGreaterThan(1);
      expect(Math.max(...lengths)).toBeLessThan(2 * SIGNALS);
    });
    expect(countRefusals(stubs)).toBe(SIGNALS);
  });

  it('that are accepted are carried out in order, and the deadline does not begin anew', async () => {
    const stubs = stubActivities();
    const args = { ...IMPORT.args, approval: true, approvalDeadline: '1 hour' };
    await runWorkflow(server(), stubs, { ...IMPORT, args }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      for (let n = 0; n < 100; n += 1) await signal(handle, n % 2 === 0 ? 'pause' : 'resume', n);
      // An approval that comes sooner would be carried out in the first execution, after all signals before it.
      await eventually(async () => expect((await deadlines(handle)).length).toBeGreaterThan(1));
      await handle.executeUpdate('decide', { args: [{ by: 'dana', ...APPROVE }] });
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      const timers = await deadlines(handle);
      expect(timers.at(-1), 'of the first execution').toBe(3_600_000);
      expect(timers[0], 'of the last one').toBeLessThan(3_600_000);
    });
    const steered = stubs.named('steerRun') as readonly { decision: { by: string } }[];
    expect(steered.map(({ decision }) => decision.by)).toEqual(
      Array.from({ length: 100 }, (_, n) => `script ${n}`),
    );
    expect(stubs.named('recordRefusal')).toEqual([]);
  });

  it('that come while a step is under way are recorded at its end', async () => {
    let endStep: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (endStep = resolve));
    const stubs = stubActivities({ stageRecords: () => ended });
    await runWorkflow(server(), stubs, IMPORT, async (handle) => {
      await calls('stageRecords')(handle, stubs);
      await send(handle);
      endStep();
      expect(await handle.result()).toMatchObject({ state: 'completed' });
    });
    expect(countRefusals(stubs)).toBe(SIGNALS);
  });
});

/** Of the first timer of each execution, the last one first. */
async function deadlines(handle: WorkflowHandle): Promise<number[]> {
  return (await histories(handle)).flatMap((events) => {
    const timer = events.find((event) => event.timerStartedEventAttributes)?.timerStartedEventAttributes;
    return timer
      ? [Number(timer.startToFireTimeout?.seconds) * 1_000 + (timer.startToFireTimeout?.nanos ?? 0) / 1e6]
      : [];
  });
}
