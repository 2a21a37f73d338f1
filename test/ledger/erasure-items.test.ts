/** Erasures in runs whose records are items of a list: they name their contact in a field. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { oneAtATime } from '../../src/ledger/locks.ts';
import type { PendingRecord, StagedRecord } from '../../src/ledger/runs/records.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { ERASED_RECORD } from '../../src/ledger/writes/has-record.sql.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import {
  all,
  claimed,
  group,
  ledgerOfFile,
  newContact,
  openRun,
  record,
  settlement,
  someId,
  untilWaiting,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();

const item = (seq: number, contactId: string) => ({
  deduplicationKeys: [{ name: 'contact_id', value: contactId }],
  fields: [{ name: 'contact_id', value: contactId }],
  priority: seq % 11,
});

async function stagedRun(rows: readonly StagedRecord[], more: { dryRun?: boolean } = {}): Promise<Run> {
  const { ledger } = opened();
  const run = await openRun(ledger, more);
  await ledger.records.stage(run.run_no, rows);
  await ledger.records.finishStaging(run.run_no);
  return run;
}

describe('an erasure in a list load', () => {
  const erase = (contactId: string) =>
    opened().ledger.erasures.erase({
      ...{ erasureId: someId('erasure'), contactId, requestedBy: 'dana' },
      objectedAt: new Date().toISOString(),
    });
  const rowOf = (seq: number, contactId: string, street = 'x') =>
    record(seq, {
      ...{ fields: { contact_id: contactId, street }, record: item(seq, contactId), key1: null, key2: null },
      ...{ rank: { score: seq, recency: null }, keys: [`contact_id ${contactId}`] },
    });

  it('finds the row by its field contact_id, and removes fields, record and keys', async () => {
    const { ledger, url } = opened();
    const [anna, ben] = [newContact(), newContact()];
    const run = await stagedRun([rowOf(1, anna), rowOf(2, ben)]);
    await ledger.records.cancelPending(run.run_no, { code: 'cancelled' });
    await ledger.runs.close(run.run_no, 'cancelled', null, null);
    expect(await erase(anna.toUpperCase())).toMatchObject({ records: 1, runs: [run.run_id] });
    const contents = await readLedgerContents(url);
    expect([contents.includes(anna), contents.includes(ben)]).toEqual([false, true]);
  });

  it('does not take an id that is a word for somebody else', async () => {
    const { ledger, url } = opened();
    const run = await stagedRun([rowOf(1, '1001'), rowOf(2, newContact(), '1001 Main Street')]);
    await ledger.records.cancelPending(run.run_no, { code: 'cancelled' });
    await ledger.runs.close(run.run_no, 'cancelled', null, null);
    expect(await erase('1001')).toMatchObject({ records: 1 });
    expect(await readLedgerContents(url)).toContain('1001 main street');
  });

  const reason = { code: 'no_capacity' };
  /** Running, and not planned yet. There was no room for the first of two. */
  const unplannedRun = async (anna: string) => {
    const run = await stagedRun([rowOf(1, anna), rowOf(2, newContact())]);
    await opened().ledger.records.cancelBeyond(run.run_no, 1, reason);
    return run;
  };

  it('waits until rows without room are pending again, and keeps them', async () => {
    const { ledger, database } = opened();
    const anna = newContact();
    const run = await unplannedRun(anna);
    const { returning, erasing } = await database.db.transaction().execute(async (tx) => {
      await oneAtATime(tx, run.run_no);
      const first = ledger.records.returnUnplanned(run.run_no, reason);
      await untilWaiting(database.db, 1);
      const second = erase(anna);
      await untilWaiting(database.db, 2);
      return { returning: first, erasing: second };
    });
    await returning;
    expect(await erasing).toMatchObject({ records: 0, waitingFor: [run.run_id] });
    expect(await seqsOf(ledger.records.listPending(run.run_no))).toEqual([1, 2]);
  });

  it('keeps a row without room from being pending again once it is emptied', async () => {
    const { ledger, database } = opened();
    const anna = newContact();
    const run = await unplannedRun(anna);
    const { returning, erasing } = await database.db.transaction().execute(async (tx) => {
      // The last statement of the erasure waits for this lock.
      await sql`lock table erasures in share mode`.execute(tx);
      const first = erase(anna);
      await untilWaiting(database.db, 1);
      const second = ledger.records.returnUnplanned(run.run_no, reason);
      await untilWaiting(database.db, 2);
      return { returning: second, erasing: first };
    });
    expect(await erasing).toMatchObject({ records: 1, runs: [run.run_id], waitingFor: [] });
    await returning;
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 2, pending: 1, cancelled: 1 });
    expect(await ledger.runs.counts(run.run_no)).toEqual({ total: 2, pending: 1, cancelled: 1 });
  });

  it('a row without content is in no write', async () => {
    const { ledger, database } = opened();
    const run = await stagedRun([rowOf(1, newContact()), rowOf(2, newContact())]);
    await sql`update records set record = ${ERASED_RECORD}::json where run_no = ${run.run_no} and seq = 1`.execute(
      database.db,
    );
    await ledger.writes.plan(run.run_no, 'load', 2, { order: 'rank' });
    expect((await writesOf(ledger, run)).map(({ seqs }) => seqs)).toEqual([[2]]);
  });

  const seqsOf = async (records: AsyncIterable<PendingRecord>) => (await all(records)).map(({ seq }) => seq);

  it('leaves the row out of those that a running load has created', async () => {
    const { ledger } = opened();
    const [anna, ben] = [newContact(), newContact()];
    const run = await stagedRun([rowOf(1, anna), rowOf(2, ben)]);
    await ledger.writes.plan(run.run_no, 'load', 2, { order: 'rank' });
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    await ledger.writes.settle(settlement(write?.id ?? '', fence, [group('created', [1, 2])]));
    expect(await erase(anna)).toMatchObject({ records: 1 });
    expect(await seqsOf(ledger.records.listCreated(run.run_no))).toEqual([2]);
  });

  it('leaves the row out of the pending ones of a running dry run, which does not need it', async () => {
    const { ledger } = opened();
    const [anna, ben] = [newContact(), newContact()];
    const run = await stagedRun([rowOf(1, anna), rowOf(2, ben)], { dryRun: true });
    expect(await erase(anna)).toMatchObject({ records: 1 });
    expect(await seqsOf(ledger.records.listPending(run.run_no))).toEqual([2]);
  });

  it('takes the row from a planned write of a failed run, whose other records keep their order', async () => {
    const { ledger, database } = opened();
    const [anna, ben, eve] = [newContact(), newContact(), newContact()];
    const run = await stagedRun([rowOf(1, ben), rowOf(2, anna), rowOf(3, eve)]);
    await ledger.writes.plan(run.run_no, 'load', 3, { order: 'rank' });
    await ledger.runs.close(run.run_no, 'failed', null, null);
    expect(await erase(anna)).toMatchObject({ records: 1, waitingFor: [] });
    await sql`update runs set state = 'running' where run_no = ${run.run_no}`.execute(database.db);
    const [write] = await writesOf(ledger, run);
    expect(write?.seqs).toEqual([3, 1]);
    const { payload } = await claimed(ledger, run, write?.id ?? '');
    expect(JSON.parse(payload)).toEqual([item(3, eve), item(1, ben)]);
  });
});
