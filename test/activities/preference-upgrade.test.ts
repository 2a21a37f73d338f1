/** Batches that a worker of an older version has sent as a guard: they had no opt-ins, and went out without lookups. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { toBatchKey, toItem } from '../../src/activities/preference-update/settle.ts';
import { claimed, writesOf } from '../ledger/harness.ts';
import { runActivity } from './harness.ts';
import { guid, listOutcomes, nextPerson, openRunOf, optOut, rowWorkersOfFile } from './preferences.ts';

const { opened, start } = rowWorkersOfFile();

/** The older worker has died after its request, before it settled the answer. */
async function sentByOlderWorker() {
  const stand = await start();
  const { ledger, cxone, plan } = stand;
  const people = [nextPerson(), nextPerson()];
  const run = await openRunOf(
    ledger,
    people.map((n) => optOut(n, 5)),
  );
  await plan(run);
  const [write] = await writesOf(ledger, run);
  const { payload } = await claimed(ledger, run, write?.id ?? '');
  const records = (JSON.parse(payload) as unknown[]).map((record, i) => ({ seq: i + 1, record }));
  const idempotencyKey = toBatchKey({ run, batch: 1, records, refs: null });
  const items = records.map(toItem);
  await cxone.preferences.updateBatch({ items, idempotencyKey, beforeSend: () => undefined });
  await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
    opened().database.db,
  );
  const proofs = () => Promise.all(people.map((n) => ledger.consentProof.list(guid(n))));
  return { ...stand, run, idempotencyKey, proofs };
}

it('such a batch is repeated under its key, with proof and without lookups', async () => {
  const { run, writeAll, ledger, countRequests, idempotencyKey, proofs, admin } = await sentByOlderWorker();
  await writeAll(run);
  expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
  expect([await countRequests('GET'), await countRequests('POST')]).toEqual([0, 2]);
  expect((await admin.preferenceJournal()).filter(({ action }) => action === 'update')).toHaveLength(2);
  for (const proof of await proofs())
    expect(proof).toMatchObject([{ outcome: 'updated', batchKey: idempotencyKey, httpStatus: 200 }]);
});

it('such a batch is proven if the run is cancelled instead', async () => {
  const { run, activities, idempotencyKey, proofs } = await sentByOlderWorker();
  await runActivity(() => activities.closeRun({ runId: run.run_id, state: 'cancelled', failure: null }));
  for (const proof of await proofs())
    expect(proof).toMatchObject([{ outcome: 'in_doubt', batchKey: idempotencyKey }]);
});
