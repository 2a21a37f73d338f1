/** An erasure while runs stage rows: after its search has gone through the ledger, and before its transaction. */
import { Readable } from 'node:stream';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { ErasureResult } from '../../src/domain/consent/erasure.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { ledgerOfFile, newContact, openRun, record, someId, untilWaiting } from './harness.ts';

const opened = ledgerOfFile();

const wholeLedger = () => readLedgerContents(opened().url);
const erase = (contactId: string) =>
  opened().ledger.erasures.erase({
    erasureId: someId('erasure'),
    contactId,
    objectedAt: new Date().toISOString(),
    requestedBy: null,
  });

/** Erases, and between the search and the transaction does what is given. */
async function eraseDuring(contactId: string, staging: () => Promise<unknown>): Promise<ErasureResult> {
  const { database } = opened();
  const { erasing } = await database.db.transaction().execute(async (tx) => {
    // The first statement of the transaction waits for this lock.
    await sql`lock table outbox in share mode`.execute(tx);
    const pending = erase(contactId);
    await untilWaiting(database.db, 1);
    await staging();
    return { erasing: pending };
  });
  return erasing;
}

const rows = (contactIds: readonly string[], first = 1) =>
  contactIds.map((contactId, i) =>
    record(first + i, { fields: { contactId }, record: { contactId }, key1: contactId }),
  );

async function stageDataset(contactId: string): Promise<string> {
  const bytes = Buffer.from(`${JSON.stringify({ contactId })}\n`);
  const { id } = await opened().ledger.datasets.stage(someId('file'), 'ndjson', Readable.from([bytes]));
  return id;
}

const openReader = (source: object) => openRun(opened().ledger, { input: { listId: 'L1', source } });

async function stageAll({ run_no: runNo }: Run, contactIds: readonly string[], first?: number) {
  const { records } = opened().ledger;
  await records.stage(runNo, rows(contactIds, first));
  await records.finishStaging(runNo);
}

async function complete({ run_no: runNo }: Run) {
  const { db } = opened().database;
  await sql`insert into outcomes (run_no, seq, outcome) select run_no, seq, 'created' from records
    where run_no = ${runNo}`.execute(db);
  await sql`update runs set state = 'completed', phase = 'done' where run_no = ${runNo}`.execute(db);
}

it.each([
  ['a dataset', async (anna: string) => ({ dataset: await stageDataset(anna) })],
  ["a worker's file", () => Promise.resolve({ path: 'a.csv' })],
  ['the rows of another run', () => Promise.resolve({ retryOf: 'r' })],
])('a run that has finished reading %s meanwhile, and needs the row, is named', async (_, sourceOf) => {
  const [anna, ben] = [newContact(), newContact()];
  const run = await openReader(await sourceOf(anna));
  await opened().ledger.records.stage(run.run_no, rows([ben]));
  const erased = await eraseDuring(anna, () => stageAll(run, [anna], 2));
  expect(erased).toMatchObject({ records: 0, waitingFor: [run.run_id] });
  await complete(run);
  expect(await erase(anna)).toMatchObject({ records: 1, runs: [run.run_id], waitingFor: [] });
  expect(await wholeLedger()).not.toContain(anna);
});

it('a run that has begun and ended meanwhile loses the row', async () => {
  const [anna, ben] = [newContact(), newContact()];
  const dataset = await stageDataset(anna);
  const erased = await eraseDuring(anna, async () => {
    const run = await openReader({ dataset });
    await stageAll(run, [ben, anna]);
    await complete(run);
  });
  expect(erased).toMatchObject({ records: 1, datasets: 1, waitingFor: [] });
  expect(await wholeLedger()).not.toContain(anna);
});

it('a run that is still reading is named, and each of its rows is counted once', async () => {
  const anna = newContact();
  const run = await openReader({ dataset: await stageDataset(anna) });
  const { records } = opened().ledger;
  const broken = { record: null, key1: null, outcome: 'invalid' as const };
  const invalid = (seq: number) => record(seq, { ...broken, fields: { note: anna } });
  await records.stage(run.run_no, [invalid(1)]);
  // Another attempt of the staging begins at the same row and gets further: the block grows.
  const erased = await eraseDuring(anna, () => records.stage(run.run_no, [invalid(1), invalid(2)]));
  expect(erased).toMatchObject({ records: 2, runs: [run.run_id], datasets: 0, waitingFor: [run.run_id] });
});

it('a block that has grown meanwhile keeps the words of its other rows in its filter', async () => {
  const [anna, ben] = [newContact(), newContact()];
  const run = await openReader({ dataset: 'none' });
  await opened().ledger.records.stage(run.run_no, rows([anna]));
  const erased = await eraseDuring(anna, async () => {
    await stageAll(run, [anna, ben]);
    await complete(run);
  });
  expect(erased).toMatchObject({ records: 1, waitingFor: [] });
  expect(await erase(ben)).toMatchObject({ records: 1, runs: [run.run_id] });
  expect(await wholeLedger()).not.toContain(ben);
});

it('a run whose blocks have no filter is searched from where the search had come', async () => {
  const [anna, ben] = [newContact(), newContact()];
  const run = await openReader({ dataset: 'none' });
  await opened().ledger.records.stage(run.run_no, rows([anna, ben]));
  const erased = await eraseDuring(anna, async () => {
    await stageAll(run, [anna], 3);
    await sql`delete from record_blocks where run_no = ${run.run_no}`.execute(opened().database.db);
    await complete(run);
  });
  expect(erased).toMatchObject({ records: 2, waitingFor: [] });
  expect(await wholeLedger()).not.toContain(anna);
});
