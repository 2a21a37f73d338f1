/** A worker is suspended in the middle of a step, and resumes after others have continued the run. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { query } from './observe.ts';
import { onStand, type Stand, until } from './stand.ts';

/** Suspends the worker right before it stores the second chunk of rows. */
const SUSPEND_WHILE_STAGING = { CXFLOW_CRASH_AT: 'stop/stageRecords/records.stage:2' };

/** Resumes the worker, and returns once it has exited: whatever it tried to store was stored or refused. */
async function resumeAndTerminate(suspended: Awaited<ReturnType<Stand['readyWorker']>>): Promise<void> {
  suspended.resume();
  await suspended.waitFor(/a later attempt has taken over the run|Superseded/);
  await suspended.terminate();
}

async function countOutcomes(stand: Stand): Promise<unknown> {
  const { rows } = await query(stand, (db) =>
    sql`select count(*)::int as records,
      (select count(*)::int from outcomes where outcome = 'cancelled') as cancelled from records`.execute(db),
  );
  return rows[0];
}

describe('a worker that is suspended while it stages rows', () => {
  const processes = useProcesses();

  it('adds nothing to a run that was cancelled and closed meanwhile', async () => {
    await onStand(processes, {}, async (stand) => {
      const suspended = await stand.readyWorker(SUSPEND_WHILE_STAGING);
      const runId = await stand.startImport(6_000);
      await suspended.waitFor(/stopped at stageRecords/);
      await stand.readyWorker();
      // A signal, because Temporal may hand an update to the suspended worker.
      await stand.client().temporal.workflow.getHandle(runId).signal('cancel');
      const result = await stand.ended(runId);
      const before = await countOutcomes(stand);
      await resumeAndTerminate(suspended);
      expect(await countOutcomes(stand)).toEqual(before);
      await stand.conserved(runId, { result, state: 'cancelled' });
    });
  });

  it('adds nothing to a run that another worker has continued', async () => {
    await onStand(processes, {}, async (stand) => {
      const suspended = await stand.readyWorker(SUSPEND_WHILE_STAGING);
      const runId = await stand.startImport(6_000);
      await suspended.waitFor(/stopped at stageRecords/);
      await stand.readyWorker();
      await until(
        () => stand.client().ledger.runs.get(runId),
        ({ total }) => total !== null,
      );
      await resumeAndTerminate(suspended);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
    });
  });
});
