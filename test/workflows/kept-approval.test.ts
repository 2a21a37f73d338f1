/** An approval that is sent before the plan exists, and asks to be kept until it does. */
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { Progress, SteeringMessage } from '../../src/contract/steering.ts';
import { eventually } from '../harness/wait.ts';
import {
  fatalFailure,
  getFailure,
  PLAN,
  runImport,
  runWorkflow,
  type StubOverrides,
  stubActivities,
  useRealServer,
  waitForPhase,
} from './harness.ts';

const server = useRealServer();
const IN_ADVANCE = { by: 'dana', whenPlanned: true } as const;
const APPROVAL = { approval: true } as const;

const getProgress = (handle: WorkflowHandle): Promise<Progress> => handle.query<Progress>('progress');
const getResult = (handle: WorkflowHandle) => handle.result() as Promise<{ state: string }>;
const decide = (handle: WorkflowHandle, action: string, message: SteeringMessage = {}) =>
  handle.executeUpdate<Progress, [object]>('decide', { args: [{ action, ...message }] });
const refusalOf = (decision: Promise<unknown>): Promise<string> =>
  decision.then(
    () => expect.fail('it was not refused'),
    (error: { cause: Error }) => error.cause.message,
  );

/** What an activity waits for. */
function newGate() {
  let [open, fail]: [() => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((resolve, reject) => ([open, fail] = [resolve, reject]));
  return { promise, open, fail };
}

/** Stages rows until `go` is called. */
function stagingStubs(overrides: StubOverrides = {}) {
  const gate = newGate();
  const stubs = stubActivities({ stageRecords: () => gate.promise, ...overrides });
  return { ...stubs, go: gate.open, fail: gate.fail };
}
type Stubs = ReturnType<typeof stubActivities>;

const decisionsOf = (stubs: Stubs) =>
  stubs.named('recordDecision').map((call) => (call as { decision: object }).decision);
const refusalsOf = (stubs: Stubs) =>
  stubs.named('recordRefusal').map((call) => (call as { refusal: { action: string; why: string } }).refusal);

describe.concurrent('an approval that is kept until there is a plan', () => {
  it('is shown while it is kept, approves the plan once there is one, and is then recorded with its hash', async () => {
    const stubs = stagingStubs();
    const result = await runImport(server(), stubs, APPROVAL, async (handle) => {
      await waitForPhase(stubs, 'staging');
      const kept = await decide(handle, 'approve', { ...IN_ADVANCE, reason: 'as every night' });
      expect(kept).toMatchObject({
        phase: 'staging',
        waitingFor: 'its plan, which is approved by dana in advance',
        keptApproval: { by: 'dana', planHash: null },
      });
      expect(stubs.named('setPhase')).toContainEqual(
        expect.objectContaining({ phase: 'staging', waitingFor: kept.waitingFor }),
      );
      stubs.go();
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(decisionsOf(stubs)).toEqual([
      { action: 'approve', by: 'dana', reason: 'as every night', whenPlanned: true },
      { action: 'approve', by: 'dana', reason: 'as every night', planHash: 'plan-1' },
    ]);
    expect(stubs.named('writePage')).toHaveLength(3);
    expect(refusalsOf(stubs)).toEqual([]);
  });

  it('may be a signal that arrives with the start', async () => {
    const stubs = stubActivities();
    const early = [['approve', { ...IN_ADVANCE, planHash: 'plan-1' }]] as const;
    expect(await runImport(server(), stubs, APPROVAL, getResult, early)).toMatchObject({
      state: 'completed',
    });
    expect(decisionsOf(stubs)).toHaveLength(2);
  });

  it('approves the plan that it names and no other', async () => {
    const stubs = stagingStubs();
    await runImport(server(), stubs, APPROVAL, async (handle) => {
      await decide(handle, 'approve', { ...IN_ADVANCE, planHash: 'plan-0' });
      stubs.go();
      await waitForPhase(stubs, 'awaiting_approval');
      await eventually(async () => {
        const { refused, phase, keptApproval } = await getProgress(handle);
        expect({ phase, keptApproval }).toEqual({ phase: 'awaiting_approval', keptApproval: undefined });
        expect(refused).toMatchObject([
          {
            action: 'approve',
            by: 'dana',
            why: 'the plan is plan-1, not plan-0; review it, then approve it',
          },
        ]);
      });
      expect(stubs.named('writePage')).toEqual([]);
      // Where the plan exists, it is an approval like any other.
      await decide(handle, 'approve', { by: 'eve', whenPlanned: true });
      return getResult(handle);
    });
    expect(decisionsOf(stubs).at(-1)).toEqual({ action: 'approve', by: 'eve', planHash: 'plan-1' });
  });

  it.each(['plan-1', 'plan-0'])(
    'is judged at once if the run is planned while it is recorded (%s)',
    async (planHash) => {
      const recorded = newGate();
      const stubs = stagingStubs({ recordDecision: () => recorded.promise });
      await runImport(server(), stubs, APPROVAL, async (handle) => {
        await waitForPhase(stubs, 'staging');
        const approval = decide(handle, 'approve', { ...IN_ADVANCE, planHash });
        await eventually(() => expect(decisionsOf(stubs)).toHaveLength(1));
        stubs.go();
        await waitForPhase(stubs, 'awaiting_approval');
        recorded.open();
        if (planHash === 'plan-1') {
          expect((await approval).phase).not.toBe('awaiting_approval');
          return getResult(handle);
        }
        expect(await refusalOf(approval)).toContain('the plan is plan-1, not plan-0');
        await decide(handle, 'reject');
        return getResult(handle);
      });
      expect(stubs.named('writePage')).toHaveLength(planHash === 'plan-1' ? 3 : 0);
    },
  );

  it('does not overrule a rejection that comes between it and the plan', async () => {
    const shown = newGate();
    const stubs = stagingStubs({
      setPhase: ({ phase }) => (phase === 'awaiting_approval' ? shown.promise : undefined),
    });
    const result = await runImport(server(), stubs, APPROVAL, async (handle) => {
      await decide(handle, 'approve', IN_ADVANCE);
      stubs.go();
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.signal('reject', { by: 'eve' });
      await eventually(() => expect(decisionsOf(stubs)).toHaveLength(2));
      shown.open();
      return getResult(handle);
    });
    expect(result.state).toBe('rejected');
    expect(refusalsOf(stubs)).toMatchObject([
      { action: 'approve', by: 'dana', why: 'the plan was already rejected by eve' },
    ]);
    expect(stubs.named('writePage')).toEqual([]);
  });

  it('is carried out in the next history if the run continues as new', async () => {
    const stubs = stubActivities();
    const carryOver = {
      cursor: 1,
      plan: PLAN,
      decisions: {
        ...{ approved: null, rejected: null, cancelled: null, paused: null },
        keptApproval: { action: 'approve', ...IN_ADVANCE } as const,
      },
      searchAttributes: false,
      hasSubscriber: false,
      counts: { total: 350, pending: 300 },
      waitingIn: 'awaiting_approval' as const,
    };
    const args = { listId: 'L1', source: { dataset: 'ds' }, ...APPROVAL };
    const workflow = { type: 'contactImport', args, carryOver };
    expect(await runWorkflow(server(), stubs, workflow, getResult)).toMatchObject({ state: 'completed' });
    expect(decisionsOf(stubs)).toEqual([{ action: 'approve', by: 'dana', planHash: 'plan-1' }]);
  });
});

describe.concurrent('a kept approval is dropped, and listed as refused with the reason,', () => {
  it('if the run is cancelled', async () => {
    const stubs = stagingStubs();
    const result = await runImport(server(), stubs, APPROVAL, async (handle) => {
      await decide(handle, 'approve', IN_ADVANCE);
      await decide(handle, 'cancel', { by: 'eve' });
      stubs.go();
      return getResult(handle);
    });
    expect(result.state).toBe('cancelled');
    expect(refusalsOf(stubs)).toMatchObject([
      { action: 'approve', by: 'dana', why: 'the run was cancelled by eve and is ending' },
    ]);
  });

  it('if the run fails before its plan', async () => {
    const stubs = stagingStubs();
    await runImport(server(), stubs, APPROVAL, async (handle) => {
      await decide(handle, 'approve', IN_ADVANCE);
      stubs.fail(fatalFailure('SourceUnreadable', 'no such file'));
      expect((await getFailure(handle)).type).toBe('SourceUnreadable');
    });
    expect(refusalsOf(stubs)).toMatchObject([{ action: 'approve', by: 'dana', why: 'the run has ended' }]);
  });

  it('if a selection needs no change, and so no approval', async () => {
    const read = newGate();
    const unchanged = { ...PLAN, total: 1, toWrite: 0, batches: 0, changes: [] };
    const stubs = stubActivities({
      readSelection: () => read.promise.then(() => ({ snapshot: '1', version: 4 })),
      planSelection: () => unchanged,
    });
    const args = { campaignId: 'C1', change: { add: { targetListIds: ['L2'] } }, ...APPROVAL };
    const workflow = { type: 'selectionUpdate', args };
    const result = await runWorkflow(server(), stubs, workflow, async (handle) => {
      await decide(handle, 'approve', IN_ADVANCE);
      read.open();
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(refusalsOf(stubs)).toMatchObject([
      { action: 'approve', by: 'dana', why: expect.stringContaining('the run needs no approval') as string },
    ]);
  });
});

describe.concurrent('before there is a plan', () => {
  it('an approval that does not ask to be kept is refused, and both ways to approve are named', async () => {
    const stubs = stagingStubs();
    await runImport(server(), stubs, APPROVAL, async (handle) => {
      const why = await refusalOf(decide(handle, 'approve', { by: 'dana', whenPlanned: false }));
      expect(why).toMatch(
        /^the run has no plan yet \(phase staging\); approve it once it waits for approval/,
      );
      expect(why).toContain('"whenPlanned": true (cxflow approve --when-planned)');
      await handle.signal('approve', { by: 'dana' });
      stubs.go();
      await waitForPhase(stubs, 'awaiting_approval');
      const { refused, phase } = await getProgress(handle);
      expect({ phase, refused }).toMatchObject({
        phase: 'awaiting_approval',
        refused: [{ by: 'dana', why }],
      });
      const details = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
      expect(details.currentDetails, "the details in Temporal's Web UI").toContain(`approve by dana: ${why}`);
      await decide(handle, 'approve', { by: 'dana' });
      return getResult(handle);
    });
  });

  it('a second approval and a rejection are refused, and the run is cancelled instead', async () => {
    const stubs = stagingStubs();
    await runImport(server(), stubs, APPROVAL, async (handle) => {
      await decide(handle, 'approve', IN_ADVANCE);
      const second = decide(handle, 'approve', { by: 'eve', whenPlanned: true });
      expect(await refusalOf(second)).toBe('an approval by dana is already kept until the run has a plan');
      expect(await refusalOf(decide(handle, 'reject'))).toContain('to stop it now, cancel it');
      await decide(handle, 'cancel');
      stubs.go();
      return getResult(handle);
    });
  });

  it.each([{}, { approval: true, dryRun: true }])(
    'nothing is kept for a run that needs no approval (%j)',
    async (input) => {
      const stubs = stagingStubs();
      await runImport(server(), stubs, input, async (handle) => {
        const refusal = await refusalOf(decide(handle, 'approve', IN_ADVANCE));
        expect(refusal).toBe('the run needs no approval (phase staging)');
        stubs.go();
        return getResult(handle);
      });
      expect(decisionsOf(stubs)).toEqual([]);
    },
  );
});
