import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { eventually } from '../harness/wait.ts';
import {
  emailSendOn,
  expectTrackingBetweenAttempts,
  jobsOpen,
  stopTrackingBetweenAttempts,
} from './email-sends.ts';
import {
  oneInDoubt,
  runImport,
  runWorkflow,
  settledPage,
  stubActivities,
  useTimeSkippingServer,
  waitForPhase,
} from './harness.ts';

const server = useTimeSkippingServer();

const getResult = (handle: WorkflowHandle) => handle.result() as Promise<ContactImportResult>;

it('waits nine days for approval, then writes', async () => {
  const stubs = stubActivities();
  const result = await runImport(server(), stubs, { approval: true }, async (handle) => {
    await waitForPhase(stubs, 'awaiting_approval');
    await server().skip('9 days');
    expect(stubs.named('writePage')).toEqual([]);
    await handle.executeUpdate('decide', { args: [{ action: 'approve', by: 'dana', planHash: 'plan-1' }] });
    return getResult(handle);
  });
  expect(result.state).toBe('completed');
  expect(stubs.named('recordDecision')).toEqual([
    {
      runId: expect.any(String) as string,
      decision: { action: 'approve', by: 'dana', planHash: 'plan-1' },
    },
  ]);
});

it('a plan that nobody approves by the deadline is rejected', async () => {
  const stubs = stubActivities();
  const result = await runImport(server(), stubs, { approval: true, approvalDeadline: '3 days' }, getResult);
  expect(result.state).toBe('rejected');
});

it('writes stay in doubt after the deadline, or at once if the input says so', async () => {
  for (const input of [{ inDoubtDeadline: '2 days' }, { onInDoubt: 'leave' as const }]) {
    const stubs = stubActivities(oneInDoubt());
    expect((await runImport(server(), stubs, input, getResult)).state).toBe('completed');
    expect(stubs.named('resolveInDoubt')).toEqual([
      expect.objectContaining({ decision: expect.objectContaining({ verdict: 'leave' }) as object }),
    ]);
  }
});

it('a subscriber that does not answer delays the end of a run by at most ten minutes', async () => {
  const stubs = stubActivities({
    openRun: () => ({ searchAttributes: false, hasSubscriber: true }),
    deliverEvents: () => {
      throw ApplicationFailure.create({ type: 'SubscriberUnavailable', message: 'status 503' });
    },
  });
  const lastedMs = await runImport(server(), stubs, {}, async (handle) => {
    expect((await getResult(handle)).state).toBe('completed');
    const { startTime, closeTime } = await handle.describe();
    return Number(closeTime) - startTime.getTime();
  });
  // In the server's time; the minute is for what else the run does.
  expect(lastedMs).toBeLessThan(11 * 60_000);
});

it('a page with unanswered batches is repeated after the wait that it returned', async () => {
  let tries = 0;
  const stubs = stubActivities({
    planned: { batches: 1, toWrite: 100 },
    writePage: () => {
      tries += 1;
      const counts = { total: 350, pending: tries < 3 ? 100 : 0, created: tries < 3 ? 0 : 100 };
      return tries < 3 ? { ...settledPage(counts), left: 1, waitMs: 60_000 } : settledPage(counts);
    },
  });
  expect((await runImport(server(), stubs, {}, getResult)).state).toBe('completed');
  expect(tries).toBe(3);
});

describe('a selection that somebody else changes again and again', () => {
  const OUTDATED = { kind: 'outdated', version: 4 };
  const update = (onConflict: 'mine' | 'theirs', ...results: readonly object[]) => {
    let n = 0;
    const stubs = stubActivities({ writeSelection: () => results[Math.min(n++, results.length - 1)] });
    const args = { campaignId: 'C1', change: { add: { targetListIds: ['L2'] } }, onConflict };
    const ended = runWorkflow(server(), stubs, { type: 'selectionUpdate', args }, (handle) =>
      handle.result().catch((error: { readonly cause?: unknown }) => error.cause),
    );
    return { stubs, ended };
  };

  it('is read again after each collision, and given up after eight', async () => {
    const twice = update('mine', OUTDATED, OUTDATED, { kind: 'done', outcome: 'updated', version: 5 });
    expect(await twice.ended).toMatchObject({ state: 'completed' });
    expect(twice.stubs.named('writeSelection')).toHaveLength(3);
    const always = update('mine', OUTDATED);
    expect(await always.ended).toMatchObject({ type: 'Conflict' });
    expect(always.stubs.named('writeSelection')).toHaveLength(8);
    expect(always.stubs.named('leaveConflict')).toHaveLength(1);
  });

  it('stays as it is with onConflict theirs', async () => {
    const always = update('theirs', OUTDATED);
    expect(await always.ended).toMatchObject({ state: 'completed' });
    expect(always.stubs.named('leaveConflict')).toHaveLength(1);
  });
});

describe('a conflict in a selection', () => {
  const conflict = { place: 'lists/L2', base: 'nothing', theirs: 'exclusion', ours: 'target', hash: 'h1' };
  const input = { campaignId: 'C1', change: { add: { targetListIds: ['L2'] } }, onConflict: 'ask' };
  const conflicting = () =>
    stubActivities({
      writeSelection: ({ answered }) =>
        answered.length > 0
          ? { kind: 'done', outcome: 'updated', version: 9 }
          : { kind: 'conflict', conflicts: [conflict] },
    });

  it('waits nine days for the answer, then reads the campaign again and writes', async () => {
    const stubs = conflicting();
    const workflow = { type: 'selectionUpdate', args: input };
    const result = await runWorkflow(server(), stubs, workflow, async (handle) => {
      await waitForPhase(stubs, 'conflict');
      await server().skip('9 days');
      expect(stubs.named('writeSelection')).toHaveLength(1);
      const decision = { action: 'resolve', by: 'dana', answers: { 'lists/L2': 'mine' } };
      await handle.executeUpdate('decide', { args: [decision] });
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('writeSelection')).toHaveLength(2);
  });

  it('fails if nobody answers by the deadline', async () => {
    const stubs = conflicting();
    const workflow = { type: 'selectionUpdate', args: { ...input, conflictDeadline: '3 days' } };
    const failure = await runWorkflow(server(), stubs, workflow, (handle) =>
      handle.result().then(
        () => null,
        (error: { readonly cause?: unknown }) => error.cause,
      ),
    );
    expect(failure).toMatchObject({ type: 'Conflict' });
    expect(stubs.named('leaveConflict')).toHaveLength(1);
  });
});

it('an email send that is cancelled waits at most ten minutes for its opt-outs to be handed over', async () => {
  const stubs = stubActivities({
    ...stopTrackingBetweenAttempts(server),
    trackMessages: () => {
      throw jobsOpen();
    },
    stageOptOuts: () => {
      throw new Error('the ledger is away');
    },
  });
  await emailSendOn(server).send(stubs, {}, async (handle) => {
    // Time is skipped only while a result is awaited, so not while the run stops following its jobs.
    await waitForPhase(stubs, 'tracking');
    await eventually(() => expectTrackingBetweenAttempts(handle));
    const before = await server().now();
    await handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'cancelled' });
    expect((await server().now()) - before).toBeGreaterThanOrEqual(600_000);
  });
});
