import { type WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it, vi } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { Progress } from '../../src/contract/steering.ts';
import {
  doubtedActivities,
  fatalFailure,
  phase,
  play,
  settledPage,
  stubActivities,
  useRealServer,
} from './stubs.ts';

const stage = useRealServer();

const progressOf = (handle: WorkflowHandle): Promise<Progress> => handle.query<Progress>('progress');
const resultOf = (handle: WorkflowHandle) => handle.result() as Promise<ContactImportResult>;
const failureOf = async (handle: WorkflowHandle): Promise<ApplicationFailure> => {
  const error = await handle.result().then(
    () => null,
    (reason: WorkflowFailedError) => reason,
  );
  expect(error?.cause).toBeInstanceOf(ApplicationFailure);
  return error?.cause as ApplicationFailure;
};

describe('the story', () => {
  it('stages, plans, writes page by page, closes', async () => {
    const stubs = stubActivities();
    const result = await play(stage(), stubs, {}, resultOf);
    expect(result.state).toBe('completed');
    expect(stubs.calls.map((call) => call.name).filter((name) => name !== 'setPhase')).toEqual([
      'openRun',
      'stageRecords',
      'planWrites',
      'writePage',
      'writePage',
      'writePage',
      'listInDoubt',
      'closeRun',
    ]);
    const pages = stubs.named('writePage') as { fromBatch: number; toBatch: number }[];
    // Three are open at once: whichever the worker picks up first.
    pages.sort((a, b) => a.fromBatch - b.fromBatch);
    expect(pages.map(({ fromBatch, toBatch }) => [fromBatch, toBatch])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('a dry run ends at the plan and writes nothing', async () => {
    const stubs = stubActivities();
    const result = await play(stage(), stubs, { dryRun: true }, resultOf);
    expect(result.state).toBe('completed');
    expect(stubs.named('writePage')).toEqual([]);
  });

  it('wrong input fails at once, and names every field', async () => {
    const stubs = stubActivities();
    const failure = await play(
      stage(),
      stubs,
      { listId: '', existing: 'replace', dryrun: true } as never,
      failureOf,
    );
    expect(failure.type).toBe('InvalidInput');
    expect(failure.nonRetryable).toBe(true);
    for (const field of ['listId', 'existing', 'dryrun']) expect(failure.message).toContain(field);
    expect(stubs.calls).toEqual([]);
  });

  it('a lost list ends the run as failed, with the records left pending and the reason kept', async () => {
    const stubs = stubActivities({
      writePage: () => {
        throw fatalFailure('NotFound', 'CXone: list L1 does not exist');
      },
    });
    const failure = await play(stage(), stubs, {}, failureOf);
    expect(failure.type).toBe('NotFound');
    expect(stubs.named('closeRun')).toEqual([
      expect.objectContaining({
        state: 'failed',
        failure: { type: 'NotFound', message: 'CXone: list L1 does not exist' },
      }),
    ]);
  });

  it('a run whose id has ended before leaves the old result alone', async () => {
    const stubs = stubActivities({
      openRun: () => {
        throw fatalFailure('AlreadyRun', 'run X ended before');
      },
    });
    expect((await play(stage(), stubs, {}, failureOf)).type).toBe('AlreadyRun');
    expect(stubs.named('closeRun')).toEqual([]);
  });
});

describe('approval', () => {
  it('a signal approves too, the plan now shown', async () => {
    const stubs = stubActivities();
    const result = await play(stage(), stubs, { approval: true }, async (handle) => {
      await phase(stubs, 'awaiting_approval');
      await handle.signal('approve', { by: 'dana' });
      return resultOf(handle);
    });
    expect(result.state).toBe('completed');
  });

  it('the approval of another plan is refused by the update and shown for a signal; nothing changes', async () => {
    const stubs = stubActivities();
    await play(stage(), stubs, { approval: true }, async (handle) => {
      await phase(stubs, 'awaiting_approval');
      const other = { action: 'approve', by: 'eve', planHash: 'plan-0' };
      await expect(handle.executeUpdate('decide', { args: [other] })).rejects.toMatchObject({
        cause: { message: expect.stringContaining('the plan is plan-1, not plan-0') as string },
      });
      await handle.signal('approve', other);
      await vi.waitFor(async () => {
        const { refused } = await progressOf(handle);
        expect(refused).toEqual([expect.objectContaining({ action: 'approve', by: 'eve' })]);
      });
      expect((await progressOf(handle)).phase).toBe('awaiting_approval');
      await handle.signal('reject', { by: 'dana' });
      return resultOf(handle);
    });
    expect(stubs.named('recordRefusal')).toHaveLength(1);
    expect(stubs.named('writePage')).toEqual([]);
  });

  it('one answer counts: a reject that comes while the approval is being recorded is refused', async () => {
    let recorded: (() => void) | undefined;
    const stubs = stubActivities({
      recordDecision: () => new Promise<void>((resolve) => (recorded = resolve)),
    });
    await play(stage(), stubs, { approval: true }, async (handle) => {
      await phase(stubs, 'awaiting_approval');
      const approved = handle.executeUpdate('decide', { args: [{ action: 'approve', by: 'ana' }] });
      await vi.waitFor(() => expect(recorded).toBeDefined(), 10_000);
      await handle.signal('reject', { by: 'ben' });
      recorded?.();
      await approved;
      await resultOf(handle);
      const [refusal] = (await progressOf(handle)).refused;
      expect(refusal).toMatchObject({ action: 'reject', by: 'ben', why: /approved already by ana/ });
    });
    expect(stubs.named('recordDecision')).toHaveLength(1);
    expect(stubs.named('writePage')).toHaveLength(3);
  });

  it('a rejection writes nothing', async () => {
    const stubs = stubActivities();
    const result = await play(stage(), stubs, { approval: true }, async (handle) => {
      await phase(stubs, 'awaiting_approval');
      await handle.executeUpdate('decide', {
        args: [{ action: 'reject', by: 'dana', reason: 'wrong list' }],
      });
      return resultOf(handle);
    });
    expect(result.state).toBe('rejected');
    expect(stubs.named('writePage')).toEqual([]);
  });

  it.each([
    ['a number', 7],
    ['a list', ['dana']],
    ['a wrong type', { by: 5 }],
    ['nothing', undefined],
  ])('a signal that cannot be read (%s) never ends the run', async (_, message) => {
    const stubs = stubActivities();
    const result = await play(stage(), stubs, { approval: true }, async (handle) => {
      await handle.signal('resume', message);
      await phase(stubs, 'awaiting_approval');
      await vi.waitFor(async () => expect((await progressOf(handle)).refused).toHaveLength(1));
      await handle.signal('approve', {});
      return resultOf(handle);
    });
    expect(result.state).toBe('completed');
  });
});

describe('pause and cancel', () => {
  it('a pause holds the pages until it is lifted, and the ledger learns of both first', async () => {
    const stubs = stubActivities();
    const result = await play(stage(), stubs, { approval: true }, async (handle) => {
      await phase(stubs, 'awaiting_approval');
      await handle.executeUpdate('decide', { args: [{ action: 'pause', by: 'dana' }] });
      expect(stubs.named('steerRun')).toEqual([expect.objectContaining({ steering: 'paused' })]);
      await handle.signal('approve', { by: 'dana' });
      await phase(stubs, 'paused');
      expect(stubs.named('writePage')).toEqual([]);
      await expect(handle.executeUpdate('decide', { args: [{ action: 'pause' }] })).rejects.toMatchObject({
        cause: { message: 'the run is paused already by dana' },
      });
      await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
      return resultOf(handle);
    });
    expect(result.state).toBe('completed');
    expect((stubs.named('steerRun') as { steering: string }[]).map(({ steering }) => steering)).toEqual([
      'paused',
      'go',
    ]);
  });

  it('a cancel by signal stops the claims, closes as cancelled, and is a result', async () => {
    const stubs = stubActivities();
    const result = await play(stage(), stubs, { approval: true }, async (handle) => {
      await phase(stubs, 'awaiting_approval');
      await handle.signal('cancel', { by: 'dana', reason: 'wrong file' });
      return resultOf(handle);
    });
    expect(result.state).toBe('cancelled');
    const steered = stubs.calls.findIndex(({ name }) => name === 'steerRun');
    const closed = stubs.calls.findIndex(({ name }) => name === 'closeRun');
    expect(steered).toBeGreaterThan(-1);
    expect(closed).toBeGreaterThan(steered);
  });

  it('a cancel while a page waits for its next try is a cancel, not the failure of that page', async () => {
    for (const cancel of ['signal', 'native']) {
      const stubs = stubActivities({
        writePage: () => {
          throw ApplicationFailure.create({
            type: 'RateLimited',
            message: 'free again in 11 s',
            nextRetryDelay: '1 day',
          });
        },
      });
      const ended = await play(stage(), stubs, {}, async (handle) => {
        await phase(stubs, 'writing');
        await vi.waitFor(() => expect(stubs.named('writePage').length).toBeGreaterThan(0));
        if (cancel === 'native') await handle.cancel();
        else await handle.signal('cancel', { by: 'dana' });
        await handle.result().catch(() => undefined);
        return (await handle.describe()).status.name;
      });
      expect(ended).toBe(cancel === 'native' ? 'CANCELLED' : 'COMPLETED');
      expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: 'cancelled' })]);
    }
  });

  it("Temporal's own cancel settles and closes the same way, and ends as Canceled", async () => {
    const stubs = stubActivities();
    await play(stage(), stubs, { approval: true }, async (handle) => {
      await phase(stubs, 'awaiting_approval');
      await handle.cancel();
      await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    });
    expect(stubs.named('steerRun')).toEqual([expect.objectContaining({ steering: 'stopped' })]);
    expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: 'cancelled' })]);
  });

  it('a cancel before the run is in the ledger waits until it is', async () => {
    const stubs = stubActivities();
    // The first task of the workflow has the signal already: nothing can be quicker.
    const result = await play(stage(), stubs, {}, resultOf, [['cancel', { by: 'dana' }]]);
    expect(result.state).toBe('cancelled');
    const names = stubs.calls.map(({ name }) => name);
    expect(names[0]).toBe('openRun');
    expect(names).toContain('steerRun');
    expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: 'cancelled' })]);
    expect(stubs.named('writePage')).toEqual([]);
  });
});

it('words that come together with the start, as they do when the history is renewed, keep their order', async () => {
  const words = ['resume', 'pause', 'resume', 'cheer', 'pause', 'resume'];
  const stubs = stubActivities();
  const scene = async (handle: WorkflowHandle) => {
    await vi.waitFor(() => expect(stubs.named('steerRun')).toHaveLength(4), 20_000);
    await handle.signal('approve', { by: 'dana' });
    return resultOf(handle);
  };
  const early = words.map((signal, n) => [signal, { by: `${n}` }] as const);
  await play(stage(), stubs, { approval: true }, scene, early);
  const said = stubs.named('steerRun') as { decision: { action: string; by: string } }[];
  const heard = said.map(({ decision }) => `${decision.action} ${decision.by}`);
  expect(heard).toEqual(['pause 1', 'resume 2', 'pause 4', 'resume 5']);
  const refused = stubs.named('recordRefusal') as { refusal: { action: string } }[];
  expect(refused.map(({ refusal }) => refusal.action)).toEqual(['resume', 'cheer']);
});

describe('in doubt', () => {
  it('asks, refuses what is not in doubt, and goes on with the answer', async () => {
    const stubs = doubtedActivities();
    const result = await play(stage(), stubs, {}, async (handle) => {
      await phase(stubs, 'in_doubt');
      const wrong = { action: 'resolve', verdict: 'leave', writeId: '9' };
      await expect(handle.executeUpdate('decide', { args: [wrong] })).rejects.toMatchObject({
        cause: { message: 'write 9 is not in doubt; these are: 7' },
      });
      await handle.executeUpdate('decide', { args: [{ action: 'resolve', verdict: 'resend', by: 'dana' }] });
      return resultOf(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('writePage')).toHaveLength(6);
  });

  it('the policy resends once; what is in doubt again is a person’s to decide', async () => {
    let tries = 0;
    const stubs = stubActivities({
      listInDoubt: () => (tries < 3 ? [{ ...DOUBTED, resent: tries > 0 }] : []),
      resolveInDoubt: () => (tries += 1),
    });
    await play(stage(), stubs, { onInDoubt: 'resend' }, async (handle) => {
      await phase(stubs, 'in_doubt');
      expect(tries).toBe(1);
      const again = { action: 'resolve', verdict: 'resend', by: 'dana' };
      await handle.executeUpdate('decide', { args: [again] });
      const asked = () => stubs.named('setPhase').filter((call) => (call as Phased).phase === 'in_doubt');
      await vi.waitFor(() => expect(asked()).toHaveLength(2), 20_000);
      await handle.executeUpdate('decide', { args: [{ ...again, verdict: 'leave' }] });
      return resultOf(handle);
    });
    expect(stubs.named('resolveInDoubt')).toMatchObject([
      { decision: { verdict: 'resend' }, firstTimeOnly: true },
      { decision: { verdict: 'resend', by: 'dana' } },
      { decision: { verdict: 'leave' } },
    ]);
  });
});

interface Phased {
  readonly phase: string;
}
const DOUBTED = { id: '7', batch: 1, records: 100, sentAt: null, resent: false };

describe('the CRM', () => {
  it('is told the rest of a run that was cancelled or that failed, before its end is written', async () => {
    for (const end of ['cancelled', 'failed']) {
      let written: (() => void) | undefined;
      let rest = false;
      const stubs = stubActivities({
        planned: { batches: 1, toWrite: 100 },
        openRun: () => ({
          startedAt: '2026-01-01T00:00:00.000Z',
          searchAttributes: false,
          hasSubscriber: true,
        }),
        deliverEvents: () => new Promise((resolve) => setTimeout(resolve, 100, { done: rest })),
        writePage: () =>
          new Promise((resolve, reject) => {
            written = () =>
              end === 'failed'
                ? reject(fatalFailure('ScopeMissing', 'no scope'))
                : resolve({ ...settledPage({ total: 350, pending: 200, created: 100 }), halted: 'stopped' });
          }),
        setPhase: ({ phase: now }): void => {
          rest ||= now === 'delivering';
        },
      });
      await play(stage(), stubs, {}, async (handle) => {
        await vi.waitFor(() => expect(written).toBeDefined(), 10_000);
        if (end === 'cancelled') await handle.signal('cancel', { by: 'dana' });
        await vi.waitFor(() => expect(stubs.named('steerRun').length).toBe(end === 'failed' ? 0 : 1), 10_000);
        written?.();
        await handle.result().catch(() => undefined);
      });
      const names = stubs.calls.map(({ name }) => name);
      const phases = (stubs.named('setPhase') as Phased[]).map((call) => call.phase);
      expect(phases.at(-1)).toBe('delivering');
      expect(names.at(-1)).toBe('closeRun');
      expect(names.includes('endPending')).toBe(end === 'cancelled');
      expect(stubs.named('closeRun')).toEqual([expect.objectContaining({ state: end })]);
    }
  });
});
