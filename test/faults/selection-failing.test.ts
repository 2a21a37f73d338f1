/** Selection updates whose requests always fail end with what to do, and continue once that is done. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { query } from './observe.ts';
import { completed, start } from './selections.ts';
import { onStand, type Stand, until } from './stand.ts';

const failureOf = async (stand: Stand, runId: string) => {
  await expect(stand.client().result(runId)).rejects.toMatchObject({ cause: { type: 'Refused' } });
  const { state, failure } = await stand.client().ledger.runs.get(runId);
  expect(state).toBe('failed');
  return JSON.stringify(failure);
};

describe.concurrent('a PATCH that always fails', () => {
  const processes = useProcesses();
  it('fails the run with what to do, and is applied when the run is started again', async () => {
    await onStand(processes, {}, async (stand) => {
      const { admin } = stand;
      await stand.readyWorker();
      await admin.setFaults([{ match: { method: 'PATCH', path: '/C1$' }, fault: { status: 500 } }]);
      const runId = await start(stand, 'C1');
      const failures = () =>
        query(stand, (db) => sql<{ failures: number }>`select failures from writes`.execute(db));
      await until(failures, ({ rows }) => (rows[0]?.failures ?? 0) >= 4);
      await query(stand, (db) =>
        sql`update writes set failing_since = now() - interval '16 minutes'`.execute(db),
      );
      const failure = await failureOf(stand, runId);
      for (const part of ['campaign C1', 'equal failures', 'still has version 1', 'again'])
        expect(failure).toContain(part);
      expect((await stand.conserved(runId, { state: 'failed' })).rejected).toBe(1);
      await admin.clearFaults();
      expect(await start(stand, 'C1')).toBe(runId);
      await completed(stand, runId);
      expect((await stand.conserved(runId)).updated).toBe(1);
    });
  });
});

describe.concurrent('a campaign that the ledger cannot store', () => {
  const processes = useProcesses();
  it('fails the run with the campaign and the position, and the run continues once that is corrected', async () => {
    await onStand(processes, {}, async (stand) => {
      const { admin } = stand;
      await stand.readyWorker();
      await admin.seedCampaign('C1', { pacing: { note: 'a\0b' } });
      const runId = await start(stand, 'C1');
      const failure = await failureOf(stand, runId);
      for (const part of ['campaign C1', 'pacing.note has NUL', 'Correct the campaign C1 in CXone'])
        expect(failure).toContain(part);
      await stand.conserved(runId, { state: 'failed' });
      await admin.seedCampaign('C1', { version: 2 });
      expect(await start(stand, 'C1')).toBe(runId);
      await completed(stand, runId);
      expect((await stand.conserved(runId)).updated).toBe(1);
    });
  });
});
