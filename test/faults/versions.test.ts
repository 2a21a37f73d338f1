/**
 * Workers of another version take over in mid-run: a rollout during which both versions run side by side, and a rollback
 * (CONTRIBUTING.md#change-a-live-workflow).
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Processes, type TestProcess, useProcesses } from '../harness/processes.ts';
import { LIST, onStand, type Stand, until, untilApplied, untilPhase } from './stand.ts';

const NEXT = fileURLToPath(new URL('./next-version/worker.ts', import.meta.url));

async function startNext(processes: Processes, { env }: Stand): Promise<TestProcess> {
  const worker = processes.run(process.execPath, ['--import', 'tsx', NEXT], { env });
  await worker.waitFor(/worker is ready/);
  return worker;
}

/** Whether a run was started by the next version: its history then has the patch's marker. */
async function startedOnNext(stand: Stand, runId: string): Promise<boolean> {
  const { events } = await stand.client().temporal.workflow.getHandle(runId).fetchHistory();
  return (events ?? []).some(({ markerRecordedEventAttributes: mark }) => Boolean(mark));
}

/** The processes that executed workflow tasks of a run. */
async function listPids(stand: Stand, runId: string): Promise<ReadonlySet<number>> {
  const { events } = await stand.client().temporal.workflow.getHandle(runId).fetchHistory();
  const identities = (events ?? []).flatMap((event) => event.workflowTaskCompletedEventAttributes ?? []);
  return new Set(identities.map(({ identity }) => Number.parseInt(identity ?? '', 10)));
}

/** The messages of failed workflow tasks. Temporal retries such a task until a worker can execute it. */
async function listTaskFailures(stand: Stand, runId: string): Promise<readonly string[]> {
  const { events } = await stand.client().temporal.workflow.getHandle(runId).fetchHistory();
  return (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: it }) =>
    it ? [it.failure?.message ?? ''] : [],
  );
}

const preference = (n: number) => ({
  contactId: `0a1b2c3d-0000-4000-8000-${String(n).padStart(12, '0')}`,
  channel: 'email',
  optIn: false,
  consentTimestamp: '2025-02-01T00:00:00Z',
  withdrawalTimestamp: '2025-03-01T00:00:00Z',
  regulatoryRegion: 'GDPR',
  source: 'versions',
});

async function startPreferences(stand: Stand): Promise<string> {
  const { source } = await stand.client().stageRows(Array.from({ length: 1_000 }, (_, n) => preference(n)));
  return (await stand.client().startPreferenceUpdate({ source })).runId;
}

async function startSelection(stand: Stand): Promise<string> {
  const change = { add: { targetListIds: ['M'] } };
  const { runId } = await stand
    .client()
    .startSelectionUpdate({ campaignId: 'C1', change, approval: true, requestedBy: 'dana' });
  await untilPhase(stand, runId, 'awaiting_approval');
  return runId;
}

describe.concurrent('a rollout', () => {
  const processes = useProcesses();
  it('completes runs that the previous version started, and loses nothing and writes nothing twice', async () => {
    const env = { CXFLOW_MAX_IN_FLIGHT: '2' };
    await onStand(processes, { latencyMs: 1_000, env }, async (stand) => {
      const current = await stand.readyWorker();
      const selection = await startSelection(stand);
      const preferences = await startPreferences(stand);
      const contacts = await stand.startImport(6_000);
      await untilApplied(stand, 1);

      // Held until the next version is ready, however long its start takes, so that both versions have a part in it.
      await stand.client().decide(contacts, { action: 'pause', by: 'dana' });
      const next = await startNext(processes, stand);
      // Either version may execute the tasks of this run.
      const between = await stand.startImport(3_000, { listId: 'L2' });
      await stand.client().decide(contacts, { action: 'resume', by: 'dana' });
      await untilApplied(stand, 500);
      await current.terminate();
      await stand.client().decide(selection, { action: 'approve', by: 'dana' });
      await stand.admin.change({ latencyMs: 0 });
      const after = await stand.startImport(500, { listId: 'L3' });

      for (const runId of [selection, preferences, contacts, between, after]) {
        const result = await stand.ended(runId);
        await stand.conserved(runId, { result });
      }
      for (const runId of [selection, contacts]) {
        expect(await startedOnNext(stand, runId), runId).toBe(false);
        expect(await listPids(stand, runId), runId).toEqual(new Set([current.pid, next.pid]));
      }
      expect(await startedOnNext(stand, after)).toBe(true);
      await next.kill();
    });
  });
});

describe.concurrent('a rollback', () => {
  const processes = useProcesses();
  it('completes runs of the current version, and leaves runs of the next one open and intact until that version is back', async () => {
    const env = { CXFLOW_MAX_IN_FLIGHT: '2' };
    await onStand(processes, { latencyMs: 1_000, env }, async (stand) => {
      const next = await startNext(processes, stand);
      const runId = await stand.startImport(2_000);
      await untilApplied(stand, 300);
      await next.kill();

      const current = await stand.readyWorker();
      await until(
        () => listTaskFailures(stand, runId),
        (failures) => failures.some((message) => /nondeterminism/i.test(message)),
      );
      await stand.admin.change({ latencyMs: 0 });
      const other = await stand.startImport(500, { listId: `${LIST}-other` });
      await stand.conserved(other, { result: await stand.ended(other) });
      expect((await stand.client().ledger.runs.get(runId)).state).toBe('running');

      const back = await startNext(processes, stand);
      await current.terminate();
      await stand.conserved(runId, { result: await stand.ended(runId) });
      expect(await startedOnNext(stand, runId)).toBe(true);
      await back.kill();
    });
  });
});
