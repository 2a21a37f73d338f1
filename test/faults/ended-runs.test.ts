/** An execution that is terminated or deleted in Temporal: the worker closes its run in the ledger. */
import { expect, it } from 'vitest';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import { useProcesses } from '../harness/processes.ts';
import { hurry, onStand, type Stand, until, untilApplied, untilPhase } from './stand.ts';

const processes = useProcesses();

const SLOW = { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '4' } } as const;

const read = (stand: Stand, runId: string) => stand.client().ledger.runs.get(runId);
const handleOf = (stand: Stand, runId: string) => stand.client().temporal.workflow.getHandle(runId);

async function startAgain(stand: Stand, runId: string): Promise<void> {
  const { input } = await read(stand, runId);
  await stand.client().startContactImport(input as ContactImportInput, { runId });
}

it('closes a run as failed that is terminated while it writes, and the next start continues it', async () => {
  await onStand(processes, SLOW, async (stand) => {
    await stand.readyWorker();
    const runId = await stand.startImport(3_000);
    await untilApplied(stand, 700);
    await handleOf(stand, runId).terminate('a test');
    const closed = await until(
      () => read(stand, runId),
      ({ state }) => state === 'failed',
    );
    expect(closed).toMatchObject({ phase: 'done', steering: 'stopped', failure: { type: 'ExecutionEnded' } });
    await hurry(stand);
    await startAgain(stand, runId);
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result, state: 'completed' });
    expect((await read(stand, runId)).failure).toBe(null);
  });
});

it('closes a run that was terminated while no worker was running, and leaves other runs alone', async () => {
  await onStand(processes, {}, async (stand) => {
    const worker = await stand.readyWorker();
    const [ended, waiting] = [
      await stand.startImport(200, { approval: true }),
      await stand.startImport(300, { approval: true }),
    ];
    for (const runId of [ended, waiting]) await untilPhase(stand, runId, 'awaiting_approval');
    await worker.kill();
    await handleOf(stand, ended).terminate('a test');
    expect((await read(stand, ended)).state).toBe('running');
    await stand.readyWorker();
    await until(
      () => read(stand, ended),
      ({ state }) => state === 'failed',
    );
    await stand.client().decide(waiting, { action: 'approve', by: 'dana' });
    const result = await stand.ended(waiting);
    await stand.conserved(waiting, { result, state: 'completed' });
  });
});

it('closes a run that was deleted while no worker was running, because an older run still exists', async () => {
  await onStand(processes, {}, async (stand) => {
    const worker = await stand.readyWorker();
    const waiting = await stand.startImport(200, { approval: true });
    await untilPhase(stand, waiting, 'awaiting_approval');
    const deleted = await stand.startImport(300, { approval: true });
    await untilPhase(stand, deleted, 'awaiting_approval');
    await worker.kill();
    const { workflowService, workflow } = stand.client().temporal;
    const workflowExecution = { workflowId: deleted };
    await workflowService.deleteWorkflowExecution({
      namespace: workflow.options.namespace,
      workflowExecution,
    });
    await until(
      () =>
        handleOf(stand, deleted)
          .describe()
          .then(() => 'exists', String),
      (found) => found.startsWith('WorkflowNotFoundError'),
    );
    await stand.readyWorker();
    const { failure } = await until(
      () => read(stand, deleted),
      ({ state }) => state === 'failed',
    );
    expect(failure).toMatchObject({
      message: expect.stringContaining('ended without closing the run (deleted)') as string,
    });
    expect((await read(stand, waiting)).state).toBe('running');
    await stand.client().decide(waiting, { action: 'approve', by: 'dana' });
    const result = await stand.ended(waiting);
    await stand.conserved(waiting, { result, state: 'completed' });
  });
});
