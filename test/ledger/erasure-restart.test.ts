/** An erasure concurrent with the restart of a failed run, or with another attempt of the same erasure: one waits for the other. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { lockRun } from '../../src/ledger/locks.ts';
import { hashId } from '../../src/ledger/words.ts';
import { until } from '../harness/wait.ts';
import {
  claimed,
  group,
  ledgerOfFile,
  newContact,
  openRun,
  record,
  settlement,
  someId,
  waitingForLocks,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();

const erase = (contactId: string, erasureId = someId('erasure')) =>
  opened().ledger.erasures.erase({
    erasureId,
    contactId,
    objectedAt: new Date().toISOString(),
    requestedBy: null,
  });

const INPUT = { listId: 'L1', source: { dataset: 'none' } };

/** A failed run with one planned write of two records. */
async function failedRun(contactIds: readonly string[]) {
  const { ledger } = opened();
  const run = await openRun(ledger, { input: INPUT });
  await ledger.records.stage(
    run.run_no,
    contactIds.map((contactId, i) =>
      record(i + 1, { fields: { contactId }, record: { contactId }, key1: contactId }),
    ),
  );
  await ledger.records.finishStaging(run.run_no);
  await ledger.runs.reserveBusinessKey(run.run_no, run.run_id);
  await ledger.writes.plan(run.run_no, 'create', 2);
  await ledger.runs.steer(run.run_no, 'stopped');
  await ledger.runs.close(run.run_no, 'failed', null, { type: 'X', message: 'x' });
  return run;
}

/** Does what the workflow does when the run id is started again. */
async function startAgain({ run_id: runId, run_no: runNo }: { run_id: string; run_no: number }) {
  const { runs } = opened().ledger;
  const request = { runId, kind: 'contactImport', target: 'L1', again: false, dryRun: false };
  await runs.reopen({ ...request, requestedBy: null, input: INPUT });
  await runs.steer(runNo, 'go');
  return runs.reserveBusinessKey(runNo, runId);
}

const waiting = () => waitingForLocks(opened().database.db);

it('an erasure makes a restarted run wait, which then continues without the rows and accounts for every record', async () => {
  const [anna, ben] = [newContact(), newContact()];
  const { ledger, database } = opened();
  const run = await failedRun([anna, ben]);
  const both = await database.db.transaction().execute(async (tx) => {
    // The last statement of the erasure waits for this lock.
    await sql`lock table erasures in share mode`.execute(tx);
    const erasing = erase(anna);
    await until(waiting, (n) => n === 1);
    const starting = startAgain(run);
    await until(waiting, (n) => n === 2);
    return { erasing, starting };
  });
  expect(await both.erasing).toMatchObject({ records: 1, runs: [run.run_id], waitingFor: [] });
  expect(await both.starting).toEqual({ kind: 'reserved' });
  const [write] = await writesOf(ledger, run);
  const claim = await claimed(ledger, run, write?.id ?? '');
  expect(JSON.parse(claim.payload)).toEqual([{ contactId: ben }]);
  expect(await ledger.writes.settle(settlement(write?.id ?? '', claim.fence, [group('created', [2])]))).toBe(
    true,
  );
  const counts = { total: 2, pending: 0, cancelled: 1, created: 1 };
  expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
  expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
});

it('an erasure waits for a restart in progress, leaves the rows to the run and names it', async () => {
  const [anna, ben] = [newContact(), newContact()];
  const { ledger, database } = opened();
  const run = await failedRun([anna, ben]);
  const { erasing } = await database.db.transaction().execute(async (tx) => {
    await lockRun(tx, run.run_no);
    const pending = erase(anna);
    await until(waiting, (n) => n === 1);
    await tx.updateTable('runs').set({ state: 'running' }).where('run_no', '=', run.run_no).execute();
    return { erasing: pending };
  });
  expect(await erasing).toMatchObject({ records: 0, waitingFor: [run.run_id] });
  await startAgain(run);
  const [write] = await writesOf(ledger, run);
  const claim = await claimed(ledger, run, write?.id ?? '');
  const settled = settlement(write?.id ?? '', claim.fence, [group('created', [1, 2])]);
  expect(await ledger.writes.settle(settled)).toBe(true);
  expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 2, pending: 0, created: 2 });
});

it('an erasure neither waits for a running run nor makes it wait', async () => {
  const [anna, ben] = [newContact(), newContact()];
  const { ledger, database } = opened();
  const run = await failedRun([anna, ben]);
  await startAgain(run);
  const [write] = await writesOf(ledger, run);
  const { erasing } = await database.db.transaction().execute(async (tx) => {
    await sql`lock table erasures in share mode`.execute(tx);
    const pending = erase(anna);
    await until(waiting, (n) => n === 1);
    await ledger.runs.steer(run.run_no, 'paused');
    await ledger.runs.steer(run.run_no, 'go');
    const claim = await claimed(ledger, run, write?.id ?? '');
    await ledger.writes.settle(settlement(write?.id ?? '', claim.fence, [group('created', [1, 2])]));
    return { erasing: pending };
  });
  expect(await erasing).toMatchObject({ records: 0, waitingFor: [run.run_id] });
  expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 2, pending: 0, created: 2 });
});

it('an erasure processes the events before it makes a failed run wait', async () => {
  const [anna, ben] = [newContact(), newContact()];
  const { ledger, database } = opened();
  const run = await failedRun([anna, ben]);
  const body = JSON.stringify({ contactId: anna });
  await database.db
    .insertInto('outbox')
    .values({ run_no: run.run_no, event: 'e', counts: '{}', body, delivered_at: new Date() })
    .execute();
  const { erasing } = await database.db.transaction().execute(async (tx) => {
    await sql`select from outbox where run_no = ${run.run_no} for update`.execute(tx);
    const pending = erase(anna);
    await until(waiting, (n) => n === 1);
    expect(await startAgain(run)).toEqual({ kind: 'reserved' });
    return { erasing: pending };
  });
  expect(await erasing).toMatchObject({ records: 0, events: 1, waitingFor: [run.run_id] });
  const [write] = await writesOf(ledger, run);
  const { payload } = await claimed(ledger, run, write?.id ?? '');
  expect(JSON.parse(payload)).toEqual([{ contactId: anna }, { contactId: ben }]);
});

it('an erasure leaves no trace in a filter although another erasure processes the same block', async () => {
  const people = [newContact(), newContact()];
  const { database } = opened();
  const run = await failedRun([...people, newContact()]);
  await sql`update runs set state = 'completed', phase = 'done' where run_no = ${run.run_no}`.execute(
    database.db,
  );
  await sql`insert into outcomes (run_no, seq, outcome) select run_no, seq, 'created' from records
    where run_no = ${run.run_no}`.execute(database.db);
  const attempts = await database.db.transaction().execute(async (tx) => {
    await sql`lock table erasures in share mode`.execute(tx);
    const first = erase(people[0] ?? '');
    await until(waiting, (n) => n === 1);
    const second = erase(people[1] ?? '');
    await until(waiting, (n) => n === 2);
    return [first, second];
  });
  for (const erased of await Promise.all(attempts)) expect(erased).toMatchObject({ records: 1 });
  for (const id of people) {
    const bits = hashId(id).flat();
    const { rows } = await sql<{ found: boolean }>`
      select bool_and(may_contain(words, hash)) as found from record_blocks, unnest(${bits}::bigint[]) hash
      where run_no = ${run.run_no}`.execute(database.db);
    expect(rows).toEqual([{ found: false }]);
  }
});

it('an erasure with two overlapping attempts returns what the first has stored, and is in the audit once', async () => {
  const [anna, ben] = [newContact(), newContact()];
  const { ledger, database } = opened();
  await failedRun([anna, ben]);
  const erasureId = someId('erasure');
  const attempts = await database.db.transaction().execute(async (tx) => {
    // Either both are about to store their result, or the second waits for the first.
    await sql`lock table erasures in share mode`.execute(tx);
    const first = erase(anna, erasureId);
    await until(waiting, (n) => n === 1);
    const second = erase(anna, erasureId);
    await until(waiting, (n) => n === 2);
    return Promise.resolve([first, second]);
  });
  const results = await Promise.all(attempts);
  const stored = await ledger.erasures.find(erasureId);
  expect(stored).toMatchObject({ records: 1 });
  expect(results).toEqual([stored, stored]);
  await ledger.audit.seal();
  const actions = [];
  for await (const { action } of ledger.audit.list(erasureId)) actions.push(action);
  expect(actions).toEqual(['subject_erased']);
});

it('an erasure that deletes a claimed write keeps the number of claims of the run', async () => {
  const anna = newContact();
  const { ledger } = opened();
  const run = await openRun(ledger, { input: INPUT });
  const fields = { contactId: anna };
  await ledger.records.stage(run.run_no, [record(1, { fields, record: fields, key1: anna })]);
  await ledger.records.finishStaging(run.run_no);
  await ledger.writes.plan(run.run_no, 'create', 2);
  const [write] = await writesOf(ledger, run);
  const { fence } = await claimed(ledger, run, write?.id ?? '');
  await ledger.writes.release(write?.id ?? '', fence);
  await ledger.runs.close(run.run_no, 'failed', null, { type: 'X', message: 'x' });
  expect(await erase(anna)).toMatchObject({ records: 1 });
  expect(await writesOf(ledger, run)).toEqual([]);
  expect(await ledger.writes.countClaims(run.run_no)).toMatchObject({ ofRun: 1 });
  expect(await ledger.runs.exactCounts(run.run_no)).toMatchObject({ total: 1, pending: 0, cancelled: 1 });
});
