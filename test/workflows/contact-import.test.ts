import { setImmediate } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { fatalFailure } from '../../src/contract/failures.ts';
import type { Decision } from '../../src/contract/steering.ts';
import type { CarryOver } from '../../src/workflows/engine/carry-over.ts';
import { NOTHING_DECIDED } from '../../src/workflows/engine/decision.ts';
import { eventually } from '../harness/wait.ts';
import {
  getFailure,
  oneInDoubt,
  PLAN,
  runImport,
  runWorkflow,
  settledPage,
  stubActivities,
  useRealServer,
  waitForPhase,
} from './harness.ts';

const server = useRealServer();
const getResult = (handle: WorkflowHandle) => handle.result() as Promise<ContactImportResult>;

describe.concurrent('the steps of a contact import', () => {
  it('are: stage, plan, write page by page, close', async () => {
    const stubs = stubActivities();
    const result = await runImport(server(), stubs, {}, getResult);
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
    // Three pages are open at once, so the worker may pick them up in any order.
    pages.sort((a, b) => a.fromBatch - b.fromBatch);
    expect(pages.map(({ fromBatch, toBatch }) => [fromBatch, toBatch])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('are the same if the plan wants one open page: the next begins when the last one has ended', async () => {
    let open = 0;
    const stubs = stubActivities({
      planned: { openPages: 1 },
      writePage: async ({ fromBatch }) => {
        open += 1;
        await setImmediate();
        const overlaps = open > 1;
        open -= 1;
        if (overlaps) throw fatalFailure('Bug', 'two pages are open');
        return settledPage({ total: 350, pending: 300 - 100 * fromBatch });
      },
    });
    await runImport(server(), stubs, {}, getResult);
    const pages = stubs.named('writePage') as { fromBatch: number }[];
    expect(pages.map(({ fromBatch }) => fromBatch)).toEqual([1, 2, 3]);
  });

  it('a dry run ends after the plan and writes nothing', async () => {
    const stubs = stubActivities();
    const result = await runImport(server(), stubs, { dryRun: true }, getResult);
    expect(result.state).toBe('completed');
    expect(stubs.named('writePage')).toEqual([]);
  });

  it('an invalid input fails at once and names every invalid field', async () => {
    const stubs = stubActivities();
    const failure = await runImport(
      server(),
      stubs,
      { listId: '', existing: 'replace', dryrun: true } as never,
      getFailure,
    );
    expect(failure.type).toBe('InvalidInput');
    expect(failure.nonRetryable).toBe(true);
    for (const field of ['listId', 'existing', 'dryrun']) expect(failure.message).toContain(field);
    expect(stubs.calls).toEqual([]);
  });

  it('a missing list fails the run and stores the reason', async () => {
    const stubs = stubActivities({
      writePage: () => {
        throw fatalFailure('NotFound', 'CXone: list L1 does not exist');
      },
    });
    const failure = await runImport(server(), stubs, {}, getFailure);
    expect(failure.type).toBe('NotFound');
    expect(stubs.named('closeRun')).toEqual([
      expect.objectContaining({
        state: 'failed',
        failure: { type: 'NotFound', message: 'CXone: list L1 does not exist' },
      }),
    ]);
  });

  it('a run whose id has ended before leaves the earlier result as it is', async () => {
    const stubs = stubActivities({
      openRun: () => {
        throw fatalFailure('AlreadyRun', 'run X ended before');
      },
    });
    expect((await runImport(server(), stubs, {}, getFailure)).type).toBe('AlreadyRun');
    expect(stubs.named('closeRun')).toEqual([]);
  });
});

describe.concurrent('in doubt', () => {
  it('waits for a decision, refuses one about other writes, and continues with the decision', async () => {
    const stubs = stubActivities(oneInDoubt());
    const result = await runImport(server(), stubs, {}, async (handle) => {
      await waitForPhase(stubs, 'in_doubt');
      const wrong = { action: 'resolve', verdict: 'leave', writeId: '9' };
      await expect(handle.executeUpdate('decide', { args: [wrong] })).rejects.toMatchObject({
        cause: { message: 'write 9 is not in doubt; these are: 7' },
      });
      await handle.executeUpdate('decide', { args: [{ action: 'resolve', verdict: 'resend', by: 'dana' }] });
      return getResult(handle);
    });
    expect(result.state).toBe('completed');
    expect(stubs.named('writePage')).toHaveLength(6);
  });

  it('shows the counts of the ledger while it waits, in whatever order the pages have ended', async () => {
    const counts = (pending: number) => ({ total: 300, pending, created: 300 - pending });
    const stubs = stubActivities({
      ...oneInDoubt(),
      planned: { openPages: 1 },
      writePage: ({ fromBatch }) => settledPage(counts(fromBatch === 3 ? 200 : 100)),
      setPhase: ({ phase }) => (phase === 'in_doubt' ? counts(100) : undefined),
    });
    await runImport(server(), stubs, {}, async (handle) => {
      await eventually(async () =>
        expect(await handle.query('progress')).toMatchObject({ phase: 'in_doubt', counts: counts(100) }),
      );
      await handle.executeUpdate('decide', { args: [{ action: 'resolve', verdict: 'leave' }] });
      await handle.result();
    });
  });

  it('the policy resends a write once; if it is in doubt again, an operator decides', async () => {
    let tries = 0;
    const stubs = stubActivities({
      listInDoubt: () => (tries < 3 ? [{ ...IN_DOUBT, resent: tries > 0 }] : []),
      resolveInDoubt: () => (tries += 1),
    });
    await runImport(server(), stubs, { onInDoubt: 'resend' }, async (handle) => {
      await waitForPhase(stubs, 'in_doubt');
      expect(tries).toBe(1);
      const again = { action: 'resolve', verdict: 'resend', by: 'dana' };
      await handle.executeUpdate('decide', { args: [again] });
      const asked = () => stubs.named('setPhase').filter((call) => (call as Phased).phase === 'in_doubt');
      await eventually(() => expect(asked()).toHaveLength(2));
      await handle.executeUpdate('decide', { args: [{ ...again, verdict: 'leave' }] });
      return getResult(handle);
    });
    expect(stubs.named('resolveInDoubt')).toMatchObject([
      { decision: { verdict: 'resend' }, firstTimeOnly: true },
      { decision: { verdict: 'resend', by: 'dana' } },
      { decision: { verdict: 'leave' } },
    ]);
  });
});

describe.concurrent('a run that goes on in a new history while writes are in doubt', () => {
  /** Every page has been written. */
  const carryOver: CarryOver = {
    cursor: PLAN.batches + 1,
    plan: PLAN,
    decisions: NOTHING_DECIDED,
    searchAttributes: false,
    hasSubscriber: false,
    counts: { total: 350, pending: 0 },
    waitingIn: 'in_doubt',
  };
  const resolve = (writeId: string): Decision => ({ action: 'resolve', verdict: 'leave', writeId });

  it('judges what it has been handed as if it were still in that phase', async () => {
    const open = new Set(['7', '8']);
    const stubs = stubActivities({
      listInDoubt: () => [...open].map((id) => ({ ...IN_DOUBT, id })),
      resolveInDoubt: ({ decision: { writeId = '' } }) => Number(open.delete(writeId)),
    });
    const messages = [{ action: 'resolve', decision: resolve('8') }];
    const handed = { ...carryOver, messages, resolutions: [resolve('7')] };
    await runWorkflow(server(), stubs, { ...IMPORT, carryOver: handed }, getResult);
    expect(stubs.named('resolveInDoubt')).toMatchObject([
      { decision: { writeId: '7' } },
      { decision: { writeId: '8' } },
    ]);
    expect(stubs.named('recordRefusal')).toEqual([]);
  });

  it('can be paused while it sends writes again as the input says', async () => {
    let isResolved = false;
    const answers: (() => void)[] = [];
    const answerPages = () => {
      for (const answer of answers.splice(0)) answer();
    };
    const stubs = stubActivities({
      listInDoubt: () => (isResolved ? [] : [IN_DOUBT]),
      resolveInDoubt: () => Number((isResolved = true)),
      writePage: () =>
        new Promise((done) => answers.push(() => done(settledPage({ total: 350, pending: 0 })))),
    });
    const workflow = { type: IMPORT.type, args: { ...IMPORT.args, onInDoubt: 'resend' }, carryOver };
    await runWorkflow(server(), stubs, workflow, async (handle) => {
      await eventually(() => expect(answers).not.toEqual([]));
      await handle.executeUpdate('decide', { args: [{ action: 'pause', by: 'dana' }] });
      answerPages();
      await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
      await eventually(() => {
        answerPages();
        expect(stubs.named('closeRun')).toHaveLength(1);
      });
    });
  });
});

const IMPORT = { type: 'contactImport', args: { listId: 'L1', source: { dataset: 'ds' } } };

interface Phased {
  readonly phase: string;
}
const IN_DOUBT = { id: '7', batch: 1, records: 100, sentAt: null, knownSent: true, resent: false };

describe.concurrent('events', () => {
  it('of a cancelled or failed run are delivered before the run is closed', async () => {
    for (const end of ['cancelled', 'failed']) {
      let written: (() => void) | undefined;
      let allWritten = false;
      const stubs = stubActivities({
        planned: { batches: 1, toWrite: 100 },
        openRun: () => ({
          searchAttributes: false,
          hasSubscriber: true,
        }),
        deliverEvents: () => new Promise((resolve) => setTimeout(resolve, 100, { done: allWritten })),
        writePage: () =>
          new Promise((resolve, reject) => {
            written = () =>
              end === 'failed'
                ? reject(fatalFailure('ScopeMissing', 'no scope'))
                : resolve({ ...settledPage({ total: 350, pending: 200, created: 100 }), halted: 'stopped' });
          }),
        setPhase: ({ phase: now }): void => {
          allWritten ||= now === 'delivering';
        },
      });
      await runImport(server(), stubs, {}, async (handle) => {
        await eventually(() => expect(written).toBeDefined());
        if (end === 'cancelled') await handle.signal('cancel', { by: 'dana' });
        await eventually(() => expect(stubs.named('steerRun').length).toBe(end === 'failed' ? 0 : 1));
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
