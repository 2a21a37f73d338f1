/** A decision that a worker takes up late: the client asks again, and the run carries it out once. */
import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSteeringClient } from '../../src/client/steering.ts';
import { DecisionRefused, NoWorkerAnswered } from '../../src/client.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { eventually } from '../harness/wait.ts';
import { runImport, stubActivities, useRealServer, waitForPhase } from './harness.ts';

const server = useRealServer();
afterEach(() => vi.restoreAllMocks());
const ATTEMPT_MS = 300;
const APPROVAL = { action: 'approve', by: 'dana', planHash: 'plan-1' } as const;

/** The ledger is only asked about runs that have ended. */
const steering = () => createSteeringClient({ temporal: server().client, ledger: {} as Ledger }, ATTEMPT_MS);

/** Temporal reports a worker, or none. Returns how often it was asked, which happens after each attempt without an answer. */
function reportWorker(isThere: boolean): () => number {
  const lastAccessTime = { seconds: Math.floor(Date.now() / 1_000) };
  const description = { pollers: isThere ? [{ lastAccessTime }] : [] } as never;
  const { workflowService } = server().client;
  const spy = vi.spyOn(workflowService, 'describeTaskQueue').mockResolvedValue(description);
  const calls = () => spy.mock.calls.filter(([request]) => !('reportPollers' in request)).length;
  return () => Math.floor(calls() / 2);
}

interface SlowRun {
  readonly handle: WorkflowHandle;
  readonly stubs: ReturnType<typeof stubActivities>;
  /** From now on the ledger answers. */
  readonly go: () => void;
}

/** A run that waits for approval, and whose ledger answers only after `go`. */
function onSlowRun(scene: (run: SlowRun) => Promise<void>): Promise<void> {
  let go = (): void => undefined;
  const answered = new Promise<void>((resolve) => {
    go = resolve;
  });
  const stubs = stubActivities({ recordDecision: () => answered });
  return runImport(server(), stubs, { approval: true }, async (handle) => {
    await waitForPhase(stubs, 'awaiting_approval');
    // The worker only stops once its activities have ended.
    await scene({ handle, stubs, go }).finally(go);
  });
}

const failureOf = (deciding: Promise<unknown>): Promise<unknown> =>
  deciding.then(
    () => expect.fail('it was answered'),
    (error: unknown) => error,
  );

describe('a decision', () => {
  it('is waited for while a worker is there, and counts once although it was asked for several times', async () => {
    const asked = reportWorker(true);
    await onSlowRun(async ({ handle, stubs, go }) => {
      const deciding = steering().decide(handle.workflowId, APPROVAL);
      await eventually(() => expect(asked()).toBeGreaterThanOrEqual(2));
      go();
      expect((await deciding).phase).not.toBe('awaiting_approval');
      await handle.result();
      const { events } = await handle.fetchHistory();
      const accepted = events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
      expect(accepted).toHaveLength(1);
      expect(stubs.named('recordDecision')).toHaveLength(1);
    });
  });

  it('is given up after the given time, and may still be carried out later', async () => {
    reportWorker(true);
    await onSlowRun(async ({ handle, stubs, go }) => {
      const deciding = steering().decide(handle.workflowId, APPROVAL, { timeoutMs: 2_000 });
      const error = await failureOf(deciding);
      expect(error).toBeInstanceOf(NoWorkerAnswered);
      expect(error).toMatchObject({ worker: 'busy' });
      go();
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      expect(stubs.named('recordDecision')).toHaveLength(1);
    });
  });

  it('is not asked for again without a pause if Temporal refuses at once', async () => {
    const asked = reportWorker(true);
    await onSlowRun(async ({ handle }) => {
      const cancelled = Object.assign(new Error('shutting down'), { code: 1, details: '', metadata: {} });
      const { workflowService } = server().client;
      const update = vi.spyOn(workflowService, 'updateWorkflowExecution').mockRejectedValue(cancelled);
      const error = await failureOf(steering().decide(handle.workflowId, APPROVAL, { timeoutMs: 1_200 }));
      expect(error).toMatchObject({ name: 'NoWorkerAnswered', worker: 'busy' });
      expect(asked()).toBe(update.mock.calls.length);
      expect(update.mock.calls.length).toBeLessThanOrEqual(3);
      await handle.terminate();
    });
  });

  it('is given up after the first attempt if there is no worker', async () => {
    const asked = reportWorker(false);
    await onSlowRun(async ({ handle, go }) => {
      const error = await failureOf(steering().decide(handle.workflowId, APPROVAL));
      expect(error).toMatchObject({ name: 'NoWorkerAnswered', worker: 'none' });
      expect(asked()).toBe(1);
      go();
      await handle.result();
    });
  });

  it('that is refused is not asked for again', async () => {
    const asked = reportWorker(true);
    await onSlowRun(async ({ handle }) => {
      const error = await failureOf(
        steering().decide(handle.workflowId, { action: 'approve', planHash: 'another' }),
      );
      expect(error).toBeInstanceOf(DecisionRefused);
      expect(asked()).toBe(0);
      await handle.terminate();
    });
  });
});
