/** One of our database sessions freezes inside a transaction and holds locks. Other runs and decisions must not wait for it. */
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { useProcesses } from '../harness/processes.ts';
import { hurry, onStand, until, untilApplied } from './stand.ts';

const processes = useProcesses();

it('a frozen session that holds locks of a run delays neither another run nor a pause', async () => {
  await onStand(processes, { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '4' } }, async (stand) => {
    await stand.readyWorker();
    const mine = await stand.startImport(4_000);
    await untilApplied(stand, 400);
    const { run_no: runNo } = await stand.client().ledger.runs.get(mine);
    // This session has our usual settings. It sends nothing more, as if its process were suspended.
    const frozen = openDatabase(stand.databaseUrl, 1);
    const session = await frozen.pool.connect();
    try {
      await session.query('begin');
      await session.query('select pg_advisory_xact_lock_shared(4201, $1)', [runNo]);
      await session.query("select from writes where run_no = $1 and state = 'planned' for update", [runNo]);
      const other = await stand.startImport(300, { listId: 'L2' });
      await stand.client().temporal.workflow.getHandle(mine).signal('pause');
      await until(
        () => stand.client().ledger.runs.getSteering(runNo),
        (steering) => steering === 'paused',
      );
      const result = await stand.ended(other);
      await expect(
        session.query('commit'),
        'commit of the session, which PostgreSQL has ended',
      ).rejects.toThrow();
      await stand.client().decide(mine, { action: 'resume' });
      await hurry(stand);
      const resumed = await stand.ended(mine);
      await stand.conserved(other, { result });
      await stand.conserved(mine, { result: resumed });
    } finally {
      session.release(true);
      await frozen.close();
    }
  });
});
