import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { Progress } from '../../src/contract/steering.ts';
import { eventually } from '../harness/wait.ts';
import { PLAN, runImport, stubActivities, useRealServer, waitForPhase } from './harness.ts';

const server = useRealServer();
const getProgress = (handle: WorkflowHandle): Promise<Progress> => handle.query<Progress>('progress');
const getResult = (handle: WorkflowHandle) => handle.result() as Promise<ContactImportResult>;

describe.concurrent('approval', () => {
  it('a signal without a hash approves the plan that is shown', async () => {
    const stubs = stubActivities();
    const result = await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.signal('approve', { by: 'dana' });
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('recordDecision'), 'the audit says which plan').toEqual([
      {
        runId: expect.any(String) as string,
        decision: { action: 'approve', by: 'dana', planHash: 'plan-1' },
      },
    ]);
  });

  it('an approved plan that is made anew waits for approval again, and only the new one can be approved', async () => {
    const changed = [{ ...PLAN, isChecked: true as const, hash: 'plan-2' }, null];
    const stubs = stubActivities({
      planned: { isChecked: true },
      replanWrites: () => changed.shift() ?? null,
    });
    const phases = () => stubs.named('setPhase').map((call) => (call as { phase: string }).phase);
    const result = await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.signal('approve', { by: 'dana', planHash: 'plan-1' });
      await eventually(async () => {
        expect(await getProgress(handle)).toMatchObject({ phase: 'awaiting_approval', planHash: 'plan-2' });
      });
      expect(stubs.named('writePage')).toEqual([]);
      await handle.signal('approve', { by: 'dana', planHash: 'plan-1' });
      await handle.signal('approve', { by: 'eve', planHash: 'plan-2' });
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('recordRefusal')).toHaveLength(1);
    expect(stubs.named('replanWrites')).toMatchObject([{ planHash: 'plan-1' }, { planHash: 'plan-2' }]);
    expect(phases().filter((phase) => phase === 'awaiting_approval')).toHaveLength(2);
    expect(stubs.named('writePage')).toHaveLength(3);
  });

  it('approval of another plan changes nothing: the update refuses it, and the signal is listed as refused', async () => {
    const stubs = stubActivities();
    await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      const other = { action: 'approve', by: 'eve', planHash: 'plan-0' };
      await expect(handle.executeUpdate('decide', { args: [other] })).rejects.toMatchObject({
        cause: { message: expect.stringContaining('the plan is plan-1, not plan-0') as string },
      });
      await handle.signal('approve', other);
      await eventually(async () => {
        const { refused } = await getProgress(handle);
        expect(refused).toEqual([expect.objectContaining({ action: 'approve', by: 'eve' })]);
      });
      expect((await getProgress(handle)).phase).toBe('awaiting_approval');
      await handle.signal('reject', { by: 'dana' });
      return getResult(handle);
    });
    expect(stubs.named('recordRefusal')).toHaveLength(1);
    expect(stubs.named('writePage')).toEqual([]);
  });

  it('a rejection that arrives while an approval is being recorded is refused', async () => {
    let recorded: (() => void) | undefined;
    const stubs = stubActivities({
      recordDecision: () => new Promise<void>((resolve) => (recorded = resolve)),
    });
    await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      const approved = handle.executeUpdate('decide', { args: [{ action: 'approve', by: 'ana' }] });
      await eventually(() => expect(recorded).toBeDefined());
      await handle.signal('reject', { by: 'ben' });
      recorded?.();
      await approved;
      await getResult(handle);
      const [refusal] = (await getProgress(handle)).refused;
      expect(refusal).toMatchObject({ action: 'reject', by: 'ben', why: /already approved by ana/ });
    });
    expect(stubs.named('recordDecision')).toHaveLength(1);
    expect(stubs.named('writePage')).toHaveLength(3);
  });

  it('a rejected run writes nothing', async () => {
    const stubs = stubActivities();
    const result = await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.executeUpdate('decide', {
        args: [{ action: 'reject', by: 'dana', reason: 'wrong list' }],
      });
      return getResult(handle);
    });
    expect(result.state).toBe('rejected');
    expect(stubs.named('writePage')).toEqual([]);
  });

  it.each([
    ['a number', 7],
    ['a list', ['dana']],
    ['a wrong type', { by: 5 }],
    ['nothing', undefined],
  ])('a signal that cannot be read (%s) does not end the run', async (_, message) => {
    const stubs = stubActivities();
    const result = await runImport(server(), stubs, { approval: true }, async (handle) => {
      await handle.signal('resume', message);
      await waitForPhase(stubs, 'awaiting_approval');
      await eventually(async () => expect((await getProgress(handle)).refused).toHaveLength(1));
      await handle.signal('approve', {});
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
  });
});

describe.concurrent('pause and cancel', () => {
  it('a pause stops the pages until the run is resumed, and takes effect in the ledger first', async () => {
    const stubs = stubActivities();
    const result = await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.executeUpdate('decide', { args: [{ action: 'pause', by: 'dana' }] });
      expect(stubs.named('steerRun')).toEqual([expect.objectContaining({ steering: 'paused' })]);
      const waiting = 'approval or rejection of plan plan-1, then resume (paused by dana)';
      expect(await getProgress(handle)).toMatchObject({ phase: 'awaiting_approval', waitingFor: waiting });
      expect(stubs.named('setPhase').at(-1)).toMatchObject({ waitingFor: waiting });
      await handle.signal('approve', { by: 'dana' });
      await waitForPhase(stubs, 'paused');
      expect((await getProgress(handle)).waitingFor).toBe('resume (paused by dana)');
      expect(stubs.named('writePage')).toEqual([]);
      await expect(handle.executeUpdate('decide', { args: [{ action: 'pause' }] })).rejects.toMatchObject({
        cause: { message: 'the run was already paused by dana' },
      });
      await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
      const { since: writingSince } = await getProgress(handle);
      const ended = await getResult(handle);
      const { phase, since, waitingFor } = await getProgress(handle);
      expect([phase, waitingFor]).toEqual(['done', null]);
      expect(Date.parse(since), 'the time of the end').toBeGreaterThan(Date.parse(writingSince));
      return ended;
    });
    expect(result.state).toBe('completed');
    expect((stubs.named('steerRun') as { steering: string }[]).map(({ steering }) => steering)).toEqual([
      'paused',
      'go',
    ]);
  });

  it('a decision that makes sense only after the one before is judged after it', async () => {
    const resumed: Promise<unknown>[] = [];
    const begun: { handle?: WorkflowHandle } = {};
    const stubs = stubActivities({
      // The pause is being recorded while the resume arrives.
      steerRun: async ({ decision }) => {
        if (decision?.action !== 'pause' || !begun.handle) return;
        const update = await begun.handle.startUpdate('decide', {
          args: [{ action: 'resume', by: 'dana' }],
          waitForStage: 'ACCEPTED',
        });
        resumed.push(update.result());
      },
    });
    const result = await runImport(server(), stubs, { approval: true }, async (handle) => {
      begun.handle = handle;
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.executeUpdate('decide', { args: [{ action: 'pause', by: 'dana' }] });
      await Promise.all(resumed);
      await handle.signal('approve', { by: 'dana' });
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(resumed).toHaveLength(1);
    const steered = stubs.named('steerRun') as { steering: string }[];
    expect(steered.map(({ steering }) => steering)).toEqual(['paused', 'go']);
  });

  it('a run that is cancelled by signal stops claims, closes as cancelled and returns a result', async () => {
    const stubs = stubActivities();
    const result = await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.signal('cancel', { by: 'dana', reason: 'wrong file' });
      return getResult(handle);
    });
    expect(result.state).toBe('cancelled');
    const steered = stubs.calls.findIndex(({ name }) => name === 'steerRun');
    const closed = stubs.calls.findIndex(({ name }) => name === 'closeRun');
    expect(steered).toBeGreaterThan(-1);
    expect(closed).toBeGreaterThan(steered);
  });

  it('a run that is cancelled while a page waits to be retried ends as cancelled, not as failed', async () => {
    for (const cancel of ['signal', 'native']) {
      const stubs = stubActivities({
        writePage: () => {
          throw ApplicationFailure.create({
            type: 'RateLimited',
            message: 'retry in 11 s',
            nextRetryDelay: '1 day',
          });
        },
      });
      const ended = await runImport(server(), stubs, {}, async (handle) => {
        await waitForPhase(stubs, 'writing');
        await eventually(() => expect(stubs.named('writePage').length).toBeGreaterThan(0));
        if (cancel === 'native') await handle.cancel();
        else await handle.signal('cancel', { by: 'dana' });
        await handle.result().catch(() => undefined);
        return (await handle.describe()).status.name;
      });
      expect(ended).toBe(cancel === 'native' ? 'CANCELLED' : 'COMPLETED');
      expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: 'cancelled' })]);
    }
  });

  it('a run that is cancelled in Temporal closes in the same way and ends as Canceled', async () => {
    const stubs = stubActivities();
    await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.cancel();
      await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    });
    expect(stubs.named('steerRun')).toEqual([expect.objectContaining({ steering: 'stopped' })]);
    expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: 'cancelled' })]);
  });

  it('a cancel that arrives before the run is in the ledger waits until it is', async () => {
    const stubs = stubActivities();
    // The signal is part of the first workflow task, so it cannot arrive earlier.
    const result = await runImport(server(), stubs, {}, getResult, [['cancel', { by: 'dana' }]]);
    expect(result.state).toBe('cancelled');
    const names = stubs.calls.map(({ name }) => name);
    expect(names[0]).toBe('openRun');
    expect(names).toContain('steerRun');
    expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: 'cancelled' })]);
    expect(stubs.named('writePage')).toEqual([]);
  });
});

it.concurrent('signals that arrive together with the start, or while the run continues as new, keep their order', async () => {
  const signals = ['resume', 'pause', 'resume', 'cheer', 'pause', 'resume'];
  const stubs = stubActivities();
  const interact = async (handle: WorkflowHandle) => {
    await eventually(() => expect(stubs.named('steerRun')).toHaveLength(4));
    await handle.signal('approve', { by: 'dana' });
    return getResult(handle);
  };
  const early = signals.map((signal, n) => [signal, { by: `${n}` }] as const);
  await runImport(server(), stubs, { approval: true }, interact, early);
  const steered = stubs.named('steerRun') as { decision: { action: string; by: string } }[];
  const accepted = steered.map(({ decision }) => `${decision.action} ${decision.by}`);
  expect(accepted).toEqual(['pause 1', 'resume 2', 'pause 4', 'resume 5']);
  const refused = stubs.named('recordRefusal') as { refusal: { action: string } }[];
  expect(refused.map(({ refusal }) => refusal.action)).toEqual(['resume', 'cheer']);
});
