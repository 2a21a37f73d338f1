/** Tests of the conservation check itself. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { createCxone } from '../../src/cxone/cxone.ts';
import { useProcesses } from '../harness/processes.ts';
import { query } from './observe.ts';
import { LIST, onStand } from './stand.ts';

const processes = useProcesses();

it('finds a POST without a claim, even if another batch has a claim that was never sent', async () => {
  await onStand(processes, {}, async (stand) => {
    await stand.readyWorker();
    const runId = await stand.startImport(300);
    await stand.conserved(runId, { result: await stand.ended(runId) });
    // As if the first batch had been claimed once more by a worker that died before it sent the request.
    await query(stand, (db) => sql`update writes set attempts = attempts + 1 where batch = 1`.execute(db));
    await stand.conserved(runId);

    const { rows } = await query(stand, (db) =>
      sql<{ record: { contactId: string } }>`select record from records join writes
        on writes.run_no = records.run_no and seq = any(seqs) where batch = 2 order by seq limit 1`.execute(
        db,
      ),
    );
    const cxone = createCxone({ families: loadConfig(stand.env).cxone.families });
    // CXone refuses this POST as a duplicate, so its journal does not change.
    const records = rows.map(({ record }) => record) as never[];
    expect(await cxone.contactLists.createRecords({ listId: LIST, records })).toMatchObject({ status: 409 });
    cxone.close();
    await expect(stand.conserved(runId)).rejects.toThrow('sent more often than they were claimed');
  });
});
