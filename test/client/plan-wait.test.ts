import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { InputError, NotPlannedInTime, RunNotFound } from '../../src/client/errors.ts';
import type { Phase } from '../../src/domain/run.ts';
import { someId } from '../ledger/harness.ts';
import { clientOfFile } from './harness.ts';

const made = clientOfFile();
/** Long enough for many polls, and over before any of these runs has a plan: there is no worker. */
const TIMEOUT = { timeoutMs: 700 };

async function startWorkflow(workflowId: string): Promise<WorkflowHandle> {
  const args = [{ listId: 'L1', source: { dataset: 'ds' } }];
  return made().temporal.workflow.start('contactImport', { taskQueue: 'cxflow', workflowId, args });
}

/** A run in the ledger, as a worker would have opened it. */
async function opened(phase: Phase = 'staging') {
  const { ledger } = made();
  const runId = someId('planned');
  const input = { listId: 'L1', approval: true };
  const more = { kind: 'contactImport', target: 'L1', again: false, dryRun: false, requestedBy: null };
  const { run } = await ledger.runs.open({ runId, input, ...more });
  await ledger.runs.setPhase(run.run_no, phase, null);
  return { runId, runNo: run.run_no, run };
}

describe.concurrent('waiting for a plan', () => {
  it('ends with the run, and returns its plan if it has one', async () => {
    const { runId, run, runNo } = await opened();
    await made().ledger.runs.setPlan(run, { hash: 'abc' }, 'abc');
    await made().ledger.runs.close(runNo, 'completed', {}, null);
    const ended = { status: 'ended', state: 'completed', planHash: 'abc', failure: null };
    expect(await made().client.waitForPlan(runId)).toEqual(ended);
  });

  it('ends with the failure of a run, but not while the run has been started again', async () => {
    const { runId, runNo } = await opened();
    const failure = { type: 'SourceUnreadable', message: 'no such file' };
    await made().ledger.runs.close(runNo, 'failed', {}, failure);
    const handle = await startWorkflow(runId);
    await expect(made().client.waitForPlan(runId, TIMEOUT)).rejects.toThrow(NotPlannedInTime);
    await handle.terminate('for the test');
    const ended = { status: 'ended', state: 'failed', planHash: null, failure };
    expect(await made().client.waitForPlan(runId)).toEqual(ended);
  });

  it('ends if the workflow ended before a worker had opened the run', async () => {
    const runId = someId('terminated');
    const handle = await startWorkflow(runId);
    const planned = made().client.waitForPlan(runId);
    await handle.terminate('by accident');
    expect(await planned).toMatchObject({
      ...{ status: 'ended', state: 'failed', planHash: null },
      failure: { type: 'Terminated', message: 'by accident' },
    });
  });

  it('throws RunNotFound for a run that neither Temporal nor the ledger has, and InputError for no id', async () => {
    await expect(made().client.waitForPlan(someId('nobody'))).rejects.toThrow(RunNotFound);
    await expect(made().client.waitForPlan('')).rejects.toThrow(InputError);
  });

  it('throws when the time is over, and says what the run is doing', async () => {
    const runId = someId('waiting');
    await startWorkflow(runId);
    const late = made().client.waitForPlan(runId, TIMEOUT);
    await expect(late).rejects.toThrow(NotPlannedInTime);
    await expect(late).rejects.toThrow(`run ${runId} has no plan yet (no worker has begun it); wait longer`);
    const { runId: planning } = await opened('planning');
    const signal = new AbortController().signal;
    const stillPlanning = made().client.waitForPlan(planning, { ...TIMEOUT, signal });
    await expect(stillPlanning).rejects.toThrow('it is still planning');
  });

  it('rejects with the reason of a signal, also if that was aborted before', async () => {
    const runId = someId('aborted');
    await startWorkflow(runId);
    const controller = new AbortController();
    const waiting = made().client.waitForPlan(runId, { signal: controller.signal, timeoutMs: 3_600_000 });
    controller.abort(new Error('the service stops'));
    await expect(waiting).rejects.toThrow('the service stops');
    const signal = AbortSignal.abort(new Error('stopped before'));
    await expect(made().client.waitForPlan(runId, { signal })).rejects.toThrow('stopped before');
  });

  it('does not take the plan of an earlier execution for that of the run', async () => {
    const { runId } = await opened('awaiting_approval');
    // It has been started again, and no worker has begun it.
    await startWorkflow(runId);
    await expect(made().client.waitForPlan(runId, TIMEOUT)).rejects.toThrow(NotPlannedInTime);
  });
});
