import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import {
  doubtedActivities,
  phase,
  play,
  playWorkflow,
  settledPage,
  stubActivities,
  useTimeSkipping,
} from './stubs.ts';

const stage = useTimeSkipping();

const resultOf = (handle: WorkflowHandle) => handle.result() as Promise<ContactImportResult>;

it('waits nine days for an approval, then writes', async () => {
  const stubs = stubActivities();
  const result = await play(stage(), stubs, { approval: true }, async (handle) => {
    await phase(stubs, 'awaiting_approval');
    await stage().skip('9 days');
    expect(stubs.named('writePage')).toEqual([]);
    await handle.executeUpdate('decide', { args: [{ action: 'approve', by: 'dana', planHash: 'plan-1' }] });
    return resultOf(handle);
  });
  expect(result.state).toBe('completed');
  expect(stubs.named('recordDecision')).toEqual([
    {
      runId: expect.any(String) as string,
      decision: { action: 'approve', by: 'dana', planHash: 'plan-1' },
    },
  ]);
});

it('no word until the deadline counts as no', async () => {
  const stubs = stubActivities();
  const result = await play(stage(), stubs, { approval: true, approvalDeadline: '3 days' }, resultOf);
  expect(result.state).toBe('rejected');
});

it('leaves them in doubt after the deadline, and at once where the input says so', async () => {
  for (const input of [{ inDoubtDeadline: '2 days' }, { onInDoubt: 'leave' as const }]) {
    const stubs = doubtedActivities();
    expect((await play(stage(), stubs, input, resultOf)).state).toBe('completed');
    expect(stubs.named('resolveInDoubt')).toEqual([
      expect.objectContaining({ decision: expect.objectContaining({ verdict: 'leave' }) as object }),
    ]);
  }
});
it('a CRM that stays away delays the end by ten minutes at most', async () => {
  const stubs = stubActivities({
    openRun: () => ({ startedAt: '2026-01-01T00:00:00.000Z', searchAttributes: false, hasSubscriber: true }),
    deliverEvents: () => {
      throw ApplicationFailure.create({ type: 'CrmUnavailable', message: 'status 503' });
    },
  });
  expect((await play(stage(), stubs, {}, resultOf)).state).toBe('completed');
});
it('a batch whose answer was lost is tried again after the wait that its page asks for', async () => {
  let tries = 0;
  const stubs = stubActivities({
    planned: { batches: 1, toWrite: 100 },
    writePage: () => {
      tries += 1;
      const counts = { total: 350, pending: tries < 3 ? 100 : 0, created: tries < 3 ? 0 : 100 };
      return tries < 3 ? { ...settledPage(counts), left: 1, waitMs: 60_000 } : settledPage(counts);
    },
  });
  expect((await play(stage(), stubs, {}, resultOf)).state).toBe('completed');
  expect(tries).toBe(3);
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

  it('waits nine days for the answer, then looks again and writes', async () => {
    const stubs = conflicting();
    const played = { type: 'selectionUpdate', args: input };
    const result = await playWorkflow(stage(), stubs, played, async (handle) => {
      await phase(stubs, 'conflict');
      await stage().skip('9 days');
      expect(stubs.named('writeSelection')).toHaveLength(1);
      const decision = { action: 'resolve', by: 'dana', answers: { 'lists/L2': 'mine' } };
      await handle.executeUpdate('decide', { args: [decision] });
      return resultOf(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('writeSelection')).toHaveLength(2);
  });

  it('fails when nobody answers until the deadline', async () => {
    const stubs = conflicting();
    const played = { type: 'selectionUpdate', args: { ...input, conflictDeadline: '3 days' } };
    const failure = await playWorkflow(stage(), stubs, played, (handle) =>
      handle.result().then(
        () => null,
        (error: { readonly cause?: unknown }) => error.cause,
      ),
    );
    expect(failure).toMatchObject({ type: 'Conflict' });
    expect(stubs.named('leaveConflict')).toHaveLength(1);
  });
});
