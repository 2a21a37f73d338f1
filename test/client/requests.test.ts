/** Requests about a run that nobody executes: it does not exist, has ended, or has no worker. */
import { describe, expect, it } from 'vitest';
import { createExecutions } from '../../src/client/executions.ts';
import { DecisionRefused, NoWorkerAnswered, RunNotFound } from '../../src/client.ts';
import { TASK_QUEUE } from '../../src/contract/run.ts';
import { someId } from '../ledger/harness.ts';
import { clientOfFile } from './harness.ts';

const made = clientOfFile();

/** A run that only the ledger has, as long after its end. */
async function endedRun(): Promise<string> {
  const { runs } = made().ledger;
  const runId = someId('ended');
  const input = { listId: 'L1' };
  const more = { kind: 'contactImport', target: 'L1', again: false, dryRun: false, requestedBy: null, input };
  const { run } = await runs.open({ runId, ...more });
  await runs.close(run.run_no, 'completed', { runId }, null);
  return runId;
}

describe('a request', () => {
  it('about a run that does not exist throws RunNotFound', async () => {
    const { client } = made();
    await expect(client.progress('none')).rejects.toBeInstanceOf(RunNotFound);
    await expect(client.decide('none', { action: 'approve' })).rejects.toBeInstanceOf(RunNotFound);
    await expect(client.result('none')).rejects.toBeInstanceOf(RunNotFound);
  });

  it('for a decision about a run that has ended is refused because it has ended, not because it is unknown', async () => {
    const runId = await endedRun();
    const error = await made()
      .client.decide(runId, { action: 'cancel' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DecisionRefused);
    expect(error).toMatchObject({
      message: `run ${runId} has ended (completed), so there is nothing to cancel`,
    });
  });

  it('to cancel the check of a dataset returns nothing of Temporal', async () => {
    const { client, temporal } = made();
    const workflowId = client.newCheckId();
    await temporal.workflow.start('eligibilityList', { taskQueue: TASK_QUEUE, workflowId });
    expect(await client.cancelEligibilityList(workflowId)).toBeUndefined();
    const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory();
    const requested = events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes);
    expect(requested).toBe(true);
  });

  it('without a worker throws NoWorkerAnswered', async () => {
    const { client } = made();
    const { source } = await client.stageRows([{ contactId: someId('c'), phone: '+14155550101' }]);
    const { runId } = await client.startContactImport({ listId: 'L1', source });
    await expect(client.progress(runId)).rejects.toBeInstanceOf(NoWorkerAnswered);
  });

  it('does not claim that there is no worker while one is busy', async () => {
    const { client, temporal, connection } = made();
    const { source } = await client.stageRows([{ contactId: someId('c'), phone: '+14155550101' }]);
    const { runId } = await client.startContactImport({ listId: 'L1', source });
    const executions = createExecutions(() => Promise.resolve({ ...client, temporal }));
    expect(await executions.findWorker(runId)).toBe('none');
    await expect(client.progress(runId)).rejects.toThrow(/^no worker answered for run .*; start one with/);
    // It takes the first task, and does nothing more.
    const { namespace } = temporal.options;
    const poll = { namespace, taskQueue: { name: TASK_QUEUE }, identity: 'busy' };
    const polled = await connection.withDeadline(Date.now() + 60_000, () =>
      connection.workflowService.pollWorkflowTaskQueue(poll),
    );
    expect(polled.taskToken?.length).toBeGreaterThan(0);
    expect(await executions.findWorker(runId)).toBe('busy');
    const error = await client
      .decide(runId, { action: 'pause' }, { timeoutMs: 1_000 })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NoWorkerAnswered);
    expect((error as Error).message).toMatch(
      /^no answer for run .* yet: a worker was seen .* it is busy or has just stopped/,
    );
  });
});
