/** A statement that always times out is not repeated for ever: it fails the run, which can be continued later. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { freshDatabase } from '../harness/fresh.ts';
import { useProcesses } from '../harness/processes.ts';
import { query } from './observe.ts';
import { LIST, onStand, type Stand } from './stand.ts';

const processes = useProcesses();

/** Makes the statement that stores the phase `planning` exceed the statement timeout. */
const slowDown = (stand: Stand) =>
  query(stand, async (db) => {
    await sql`create function too_slow() returns trigger language plpgsql
      as 'begin perform pg_sleep(60); return new; end'`.execute(db);
    await sql`create trigger too_slow before update on runs for each row when (new.phase = 'planning')
      execute function too_slow()`.execute(db);
  });

const restore = (stand: Stand) => query(stand, (db) => sql`drop function too_slow cascade`.execute(db));

it('a statement that always times out fails the run with the reason, and the run can be continued', async () => {
  const url = new URL(await freshDatabase());
  url.searchParams.set('statement_timeout', '2000');
  await onStand(processes, { databaseUrl: url.href }, async (stand) => {
    await slowDown(stand);
    await stand.readyWorker();
    const runId = await stand.startImport(300);
    await expect(stand.ended(runId)).rejects.toThrow();
    const { state, failure, input } = await stand.client().ledger.runs.get(runId);
    const message = expect.stringMatching(/57014.*5 times in a row/) as string;
    expect({ state, failure }).toEqual({ state: 'failed', failure: { type: 'LedgerRefused', message } });
    await restore(stand);
    const { source } = input as { readonly source: { readonly dataset: string } };
    await stand.client().startContactImport({ listId: LIST, source }, { runId });
    await stand.conserved(runId, { result: await stand.ended(runId) });
  });
});
