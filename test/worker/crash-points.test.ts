/** Crash points for fault tests (src/worker/crash-points.ts). That they kill a worker is shown in test/faults. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { createCrashPoints, READS } from '../../src/worker/crash-points.ts';

describe('the list of methods that only read', () => {
  // Connects when it is first used, which is never.
  const ledger = openLedger('postgres://nobody@127.0.0.1:1/none');
  afterAll(() => ledger.close());

  it.each([...READS])('%s exists', (name) => {
    const [part = '', method = ''] = name.split('.');
    const parts = ledger as unknown as Record<string, Record<string, unknown>>;
    expect(typeof parts[part]?.[method]).toBe('function');
  });
});

describe('crash points', () => {
  class Runs {
    #closed = 0;
    close(): number {
      return (this.#closed += 1);
    }
    find(): null {
      return null;
    }
  }
  const activity = new MockActivityEnvironment({
    activityType: 'writePage',
    workflowExecution: { workflowId: 'run-1', runId: 'r' },
  });

  it('are numbered within a run, and found in classes and plain objects', async () => {
    const points: string[] = [];
    const crashPoints = createCrashPoints('trace', (point, run) => points.push(`${point}@${run}`));
    const ledger = crashPoints.ledger({ runs: new Runs(), audit: { add: () => undefined } });
    await activity.run(() => {
      expect([ledger.runs.close(), ledger.runs.close()]).toEqual([1, 2]);
      ledger.runs.find();
      ledger.audit.add();
      return Promise.resolve();
    });
    expect(points).toEqual([
      'writePage/runs.close:1@run-1',
      'writePage/runs.close:2@run-1',
      'writePage/audit.add:1@run-1',
    ]);
  });

  it('lie before each commit too: of a transaction, and of every statement of its own but the first', async () => {
    const points: string[] = [];
    const crashPoints = createCrashPoints('trace', (point) => points.push(point));
    const { beforeCommit = () => undefined } = crashPoints;
    const { runs } = crashPoints.ledger({
      runs: {
        close: async () => {
          await Promise.resolve();
          beforeCommit('transaction');
        },
        steer: () => beforeCommit('statement'),
        setPlan: () => {
          beforeCommit('statement');
          beforeCommit('statement');
        },
        find: () => beforeCommit('statement'),
      },
    });
    await activity.run(async () => {
      await runs.close();
      runs.steer();
      runs.setPlan();
      runs.find();
      beforeCommit('transaction');
    });
    expect(points).toEqual([
      'writePage/runs.close:1',
      'writePage/runs.close.commit:1',
      'writePage/runs.steer:1',
      'writePage/runs.setPlan:1',
      'writePage/runs.setPlan.commit:1',
    ]);
  });

  it('of a request come after the lease check, and of an activity after its work', async () => {
    const steps: string[] = [];
    const crashPoints = createCrashPoints('trace', (point) => steps.push(point));
    const cxone = crashPoints.cxone({
      contactLists: { createRecords: ({ beforeSend }: { beforeSend: () => void }) => beforeSend() },
    });
    const { writePage } = crashPoints.activities({
      writePage: () => {
        cxone.contactLists.createRecords({ beforeSend: () => steps.push('lease check') });
        return Promise.resolve();
      },
    });
    await activity.run(writePage);
    expect(steps).toEqual(['lease check', 'writePage/contactLists.createRecords:1', 'writePage/end:1']);
  });

  it('do not exist in a probe that asks about nothing in particular', async () => {
    const points: string[] = [];
    const crashPoints = createCrashPoints('trace', (point) => points.push(point));
    const { email } = crashPoints.cxone({ email: { probe: () => 'answered' } });
    await activity.run(() => Promise.resolve(expect(email.probe()).toBe('answered')));
    expect(points).toEqual([]);
  });

  it('do not exist outside of activities, nor without CXFLOW_CRASH_AT', () => {
    const ledger = { runs: new Runs() };
    expect(
      createCrashPoints('runs.close', () => undefined)
        .ledger(ledger)
        .runs.close(),
    ).toBe(1);
    expect(createCrashPoints(undefined, () => undefined).ledger(ledger)).toBe(ledger);
  });
});
