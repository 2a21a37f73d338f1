/** What a worker concludes from Temporal's answers about executions (src/worker/ended-runs.ts). */
import {
  TerminatedFailure,
  type WorkflowExecutionStatusName,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { EndedExecution, ExecutingRun } from '../../src/ledger/runs/runs.ts';
import { type EndedRunsDeps, EndedRunsWatcher } from '../../src/worker/ended-runs.ts';

type Answer = WorkflowExecutionStatusName | 'not found' | Error;

const CLOSED_AT = 5_000;

/** A watcher of runs 1, 2, 3, …, which are executing according to the ledger, with Temporal's answers about them. */
function watcherOf(answers: readonly Answer[], isAlone = true) {
  const runs = answers.map((_, index): ExecutingRun => {
    const runNo = index + 1;
    return { runId: `run-${runNo}`, runNo, executionId: `e${runNo}` };
  });
  const closed: EndedExecution[] = [];
  const described: string[] = [];
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
          if (executionId === undefined) described.push(workflowId);
          const answer = answers[runs.findIndex(({ runId }) => runId === workflowId)];
          if (answer === 'not found')
            return Promise.reject(new WorkflowNotFoundError('not found', workflowId, executionId));
          if (answer instanceof Error) return Promise.reject(answer);
          const runId = executionId ?? `e-${workflowId}`;
          return Promise.resolve({ status: { name: answer }, runId, closeTime: new Date(CLOSED_AT) });
        },
        result() {
          const answer = answers[runs.findIndex(({ runId }) => runId === workflowId)];
          if (answer !== 'TERMINATED') return Promise.resolve();
          const cause = new TerminatedFailure('by accident');
          return Promise.reject(new WorkflowFailedError('terminated', cause, 'NON_RETRYABLE_FAILURE'));
        },
      }),
    },
  };
  const log = { warn: (...args: unknown[]) => warnings.push(JSON.stringify(args)) };
  const watcher = new EndedRunsWatcher({ ledger, temporal, log, namespace: 'n' } as unknown as EndedRunsDeps);
  return { watcher, described, warnings, closed: () => closed.map(({ runNo }) => runNo), ends: closed };
}

describe('the status of an execution', () => {
  it.each(['FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT'] as const)(
    '%s closes the run, with the time of the end',
    async (status) => {
      const { watcher, ends } = watcherOf([status]);
      await watcher.pass();
      expect(ends).toMatchObject([{ runNo: 1, executionId: 'e1', closedAt: CLOSED_AT }]);
      const why = status === 'TERMINATED' ? 'by accident' : status.toLowerCase();
      expect(ends[0]?.failure.message).toBe(
        `the workflow ended without closing the run (${why}); start it again under its id to continue`,
      );
    },
  );

  it('COMPLETED says that the ledger was restored, since a run is closed before; others that it has ended', async () => {
    const { watcher, ends } = watcherOf(['COMPLETED', 'TERMINATED', 'FAILED']);
    await watcher.pass();
    expect(ends.map(({ failure, hasCompleted }) => [failure.type, hasCompleted])).toEqual([
      ['LedgerRestored', true],
      ['ExecutionEnded', false],
      ['ExecutionEnded', false],
    ]);
  });

  it.each(['RUNNING', 'PAUSED', 'CONTINUED_AS_NEW', 'UNKNOWN', 'UNSPECIFIED'] as const)(
    '%s leaves the run alone',
    async (status) => {
      const { watcher, closed } = watcherOf([status]);
      await watcher.pass();
      expect(closed()).toEqual([]);
    },
  );
});

describe('an execution that is not found', () => {
  it('closes no run if Temporal has none of the runs, and warns about each once', async () => {
    const { watcher, closed, warnings } = watcherOf(['not found', 'not found']);
    await watcher.pass();
    await watcher.pass();
    expect(closed()).toEqual([]);
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toMatch(/run-1.*TEMPORAL_ADDRESS.*run-2/);
  });

  it('leaves the run alone if Temporal has only later runs', async () => {
    const { watcher, closed } = watcherOf(['not found', 'RUNNING']);
    await watcher.pass();
    expect(closed()).toEqual([]);
  });

  it('closes the run if Temporal has an earlier run', async () => {
    const { watcher, ends } = watcherOf(['RUNNING', 'not found']);
    await watcher.pass();
    expect(ends).toMatchObject([
      {
        runNo: 2,
        closedAt: null,
        failure: { message: expect.stringContaining('ended without closing the run (deleted)') as string },
      },
    ]);
  });
});

it('a run that Temporal cannot describe does not delay others', async () => {
  const { watcher, closed, warnings } = watcherOf([new Error('unavailable'), 'TERMINATED']);
  await watcher.pass();
  expect(closed()).toEqual([2]);
  expect(warnings.filter((warning) => warning.includes('asked for again'))).toHaveLength(1);
});

it('a pass checks a limited number of runs, the next pass continues after them, and at the end they start over', async () => {
  const { watcher, described } = watcherOf(['RUNNING', 'RUNNING', 'RUNNING']);
  for (let pass = 1; pass <= 3; pass += 1) await watcher.pass(2);
  expect(described).toEqual(['run-1', 'run-2', 'run-3', 'run-1', 'run-2']);
});

it('a process does not ask Temporal while another one is watching', async () => {
  const { watcher, described } = watcherOf(['TERMINATED'], false);
  await watcher.pass();
  expect(described).toEqual([]);
});
