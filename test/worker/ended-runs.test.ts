/** What a worker concludes from Temporal's answers about executions (src/worker/ended-runs.ts). */
import { type WorkflowExecutionStatusName, WorkflowNotFoundError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { EndedExecution, ExecutingRun } from '../../src/ledger/runs/runs.ts';
import { type EndedRunsDeps, EndedRunsWatcher } from '../../src/worker/ended-runs.ts';

type Answer = WorkflowExecutionStatusName | 'not found' | Error;

const CLOSED_AT = 5_000;

/** Runs 1, 2, 3 and so on, which execute as far as the ledger knows, and what Temporal answers about them. */
function watcherOf(answers: readonly Answer[], isAlone = true) {
  const runs = answers.map((_, index): ExecutingRun => {
    const runNo = index + 1;
    return { runId: `run-${runNo}`, runNo, executionId: `e${runNo}` };
  });
  const closed: EndedExecution[] = [];
  const asked: string[] = [];
  const warnings: string[] = [];
  const ledger = {
    runs: {
      async watchAlone(work: () => Promise<void>) {
        if (isAlone) await work();
        return isAlone;
      },
      listExecuting: (_: string, after: number, limit: number) =>
        Promise.resolve(runs.filter(({ runNo }) => runNo > after).slice(0, limit)),
      listEarlierExecutions: (_: string, before: number, limit: number) =>
        Promise.resolve(
          runs
            .filter(({ runNo }) => runNo < before)
            .toReversed()
            .slice(0, limit),
        ),
      closeEnded(ended: EndedExecution) {
        closed.push(ended);
        return Promise.resolve(true);
      },
    },
  };
  const temporal = {
    withDeadline: <R>(_: number | Date, request: () => Promise<R>) => request(),
    workflow: {
      getHandle: (workflowId: string, executionId?: string) => ({
        describe() {
          if (executionId === undefined) asked.push(workflowId);
          const answer = answers[runs.findIndex(({ runId }) => runId === workflowId)];
          if (answer === 'not found')
            return Promise.reject(new WorkflowNotFoundError('not found', workflowId, executionId));
          if (answer instanceof Error) return Promise.reject(answer);
          return Promise.resolve({ status: { name: answer }, closeTime: new Date(CLOSED_AT) });
        },
      }),
    },
  };
  const log = { warn: (...args: unknown[]) => warnings.push(JSON.stringify(args)) };
  const watcher = new EndedRunsWatcher({ ledger, temporal, log, namespace: 'n' } as unknown as EndedRunsDeps);
  return { watcher, asked, warnings, closed: () => closed.map(({ runNo }) => runNo), ends: closed };
}

describe('the status of an execution', () => {
  it.each(['COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT'] as const)(
    '%s: the run is closed, with the time of the end',
    async (status) => {
      const { watcher, ends } = watcherOf([status]);
      await watcher.pass();
      expect(ends).toMatchObject([{ runNo: 1, executionId: 'e1', closedAt: CLOSED_AT }]);
    },
  );

  it.each(['RUNNING', 'PAUSED', 'CONTINUED_AS_NEW', 'UNKNOWN', 'UNSPECIFIED'] as const)(
    '%s: the run is left alone',
    async (status) => {
      const { watcher, closed } = watcherOf([status]);
      await watcher.pass();
      expect(closed()).toEqual([]);
    },
  );
});

describe('an execution that is not found', () => {
  it('in a Temporal that has none of the ledger: no run is closed, and each is named once', async () => {
    const { watcher, closed, warnings } = watcherOf(['not found', 'not found']);
    await watcher.pass();
    await watcher.pass();
    expect(closed()).toEqual([]);
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toMatch(/run-1.*TEMPORAL_ADDRESS.*run-2/);
  });

  it('in a Temporal to which only later runs belong: the run is left alone', async () => {
    const { watcher, closed } = watcherOf(['not found', 'RUNNING']);
    await watcher.pass();
    expect(closed()).toEqual([]);
  });

  it('in the Temporal of an earlier run: the run is closed', async () => {
    const { watcher, ends } = watcherOf(['RUNNING', 'not found']);
    await watcher.pass();
    expect(ends).toMatchObject([
      { runNo: 2, closedAt: null, failure: { message: expect.stringContaining('was deleted') as string } },
    ]);
  });
});

it('a run about which Temporal does not answer delays no other', async () => {
  const { watcher, closed, warnings } = watcherOf([new Error('unavailable'), 'TERMINATED']);
  await watcher.pass();
  expect(closed()).toEqual([2]);
  expect(warnings.filter((warning) => warning.includes('asked for again'))).toHaveLength(1);
});

it('a pass looks at so many runs, the next one continues after them, and then they begin anew', async () => {
  const { watcher, asked } = watcherOf(['RUNNING', 'RUNNING', 'RUNNING']);
  for (let pass = 1; pass <= 3; pass += 1) await watcher.pass(2);
  expect(asked).toEqual(['run-1', 'run-2', 'run-3', 'run-1', 'run-2']);
});

it('while another process looks, Temporal is not asked', async () => {
  const { watcher, asked } = watcherOf(['TERMINATED'], false);
  await watcher.pass();
  expect(asked).toEqual([]);
});
