/** A worker that is suspended in the middle of a step, and wakes up after others have gone on without it. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { query } from './observe.ts';
import { onStand, type Stand, until } from './stand.ts';

/** Suspends the worker right before it stores the second chunk of rows. */
const ASLEEP_WHILE_STAGING = { CXFLOW_CRASH_AT: 'stop/stageRecords/records.stage:2' };

/** Wakes the worker up, and returns once it has no session left: what it wanted to store has been stored or refused. */
async function wakeAndEnd(sleeper: Awaited<ReturnType<Stand['readyWorker']>>): Promise<void> {
  sleeper.resume();
  await sleeper.waitFor(/a later attempt has taken over the run|Superseded/);
  await sleeper.terminate();
}

async function countOutcomes(stand: Stand): Promise<unknown> {
  const { rows } = await query(stand, (db) =>
    sql`select count(*)::int as records,
      (select count(*)::int from outcomes where outcome = 'cancelled') as cancelled from records`.execute(db),
  );
  return rows[0];
}

describe('a worker that sleeps while it stages rows', () => {
  const processes = useProcesses();

  it('adds nothing to a run that was cancelled and closed meanwhile', async () => {
    await onStand(processes, {}, async (stand) => {
      const sleeper = await stand.readyWorker(ASLEEP_WHILE_STAGING);
      const runId = await stand.startImport(6_000);
      await sleeper.waitFor(/stopped at stageRecords/);
      await stand.readyWorker();
      // A signal: Temporal may hand an update to the worker that sleeps.
      await stand.client().temporal.workflow.getHandle(runId).signal('cancel');
      const result = await stand.ended(runId);
      const before = await countOutcomes(stand);
      await wakeAndEnd(sleeper);
      expect(await countOutcomes(stand)).toEqual(before);
      await stand.conserved(runId, { result, state: 'cancelled' });
    });
  });

  it('adds nothing beside the worker that has taken its place', async () => {
    await onStand(processes, {}, async (stand) => {
      const sleeper = await stand.readyWorker(ASLEEP_WHILE_STAGING);
      const runId = await stand.startImport(6_000);
      await sleeper.waitFor(/stopped at stageRecords/);
      await stand.readyWorker();
      await until(
        () => stand.client().ledger.runs.get(runId),
        ({ total }) => total !== null,
      );
      await wakeAndEnd(sleeper);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
    });
  });
});
