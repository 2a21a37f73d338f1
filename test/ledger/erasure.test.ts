import { Readable } from 'node:stream';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { CHANNELS } from '../../src/domain/consent/eligibility.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { claimed, ledgerOfFile, newContact, openRun, record, someId, writesOf } from './harness.ts';

const opened = ledgerOfFile();

/** Row `seq` is about this contact. */
const rowOf = (seq: number, contactId: string) =>
  record(seq, { fields: { contactId, phone: '+14155550100' }, record: { contactId }, key1: contactId });

async function stagedRun(
  contactIds: readonly string[],
  state: 'running' | 'completed' | 'failed' = 'completed',
) {
  const { ledger, database } = opened();
  const run = await openRun(ledger);
  await ledger.records.stage(
    run.run_no,
    contactIds.map((contactId, i) => rowOf(i + 1, contactId)),
  );
  await ledger.records.finishStaging(run.run_no);
  await database.db.updateTable('runs').set({ state }).where('run_no', '=', run.run_no).execute();
  return run;
}
async function settleAll(runNo: number, outcome = 'rejected') {
  await sql`insert into outcomes (run_no, seq, outcome, reasons)
    select run_no, seq, ${outcome}, '[{"code":"X","field":"phone","message":"canary-text"}]'::json
    from records where run_no = ${runNo}`.execute(opened().database.db);
}
const erase = (contactId: string, more: { erasureId?: string } = {}) =>
  opened().ledger.erasures.erase({
    erasureId: someId('erasure'),
    contactId,
    objectedAt: new Date().toISOString(),
    requestedBy: 'dana',
    ...more,
  });
const wholeLedger = () => readLedgerContents(opened().url);

describe('an erasure', () => {
  it('empties the rows of one data subject in all runs, and keeps outcomes, reason codes and all other rows', async () => {
    const [anna, ben] = [newContact(), newContact()];
    const runs = [await stagedRun([anna, ben]), await stagedRun([ben, anna.toUpperCase()])];
    for (const run of runs) await settleAll(run.run_no);
    const erased = await erase(anna);
    expect(erased).toMatchObject({ records: 2, runs: runs.map((run) => run.run_id).sort(), waitingFor: [] });
    expect(await wholeLedger()).not.toContain(anna);
    const { ledger } = opened();
    const rows = [];
    for await (const row of ledger.records.list(runs[0]?.run_no ?? 0)) rows.push(row);
    expect(rows).toMatchObject([
      { fields: { cxflow_erased: true }, outcome: 'rejected', reasons: [{ code: 'X', field: 'phone' }] },
      { fields: { contactId: ben }, outcome: 'rejected', reasons: [{ message: 'canary-text' }] },
    ]);
    expect(JSON.stringify(rows[0])).not.toContain('canary-text');
  });

  it('finds an invalid row with the id in any column', async () => {
    const anna = newContact();
    const { ledger } = opened();
    const run = await openRun(ledger);
    const fields = { 'Customer No': anna, phone: 'x' };
    const reasons = [{ code: 'contact_id_missing' }];
    await ledger.records.stage(run.run_no, [
      record(1, { fields, record: null, key1: null, key2: null, reasons }),
    ]);
    expect(await erase(anna)).toMatchObject({ records: 1 });
    expect(await wholeLedger()).not.toContain(anna);
  });

  it.each([
    [
      'a line that could not be parsed',
      (id: string) => ({ cxflow_raw: `${id},anna@example.org,Anna,Smith` }),
    ],
    ['a padded cell', (id: string) => ({ contactId: `  ${id}\t`, phone: 'x' })],
    ['a part of a longer cell', (id: string) => ({ note: `moved from (${id.toUpperCase()}), see there` })],
    ['a cell of two lines', (id: string) => ({ note: `old id:\n${id}\n` })],
    ['the name of a column', (id: string) => ({ [id]: 'true' })],
  ])('finds a row with the id in %s', async (_, fieldsOf) => {
    const [anna, ben] = [newContact(), newContact()];
    const { ledger } = opened();
    const run = await openRun(ledger);
    const refused = (seq: number, fields: object) =>
      record(seq, { fields, record: null, key1: null, key2: null, reasons: [{ code: 'x' }] });
    // A longer id that contains this one belongs to somebody else.
    const others = [fieldsOf(ben), fieldsOf(`${anna}0`), fieldsOf(`0${anna}`)];
    await ledger.records.stage(
      run.run_no,
      [fieldsOf(anna), ...others].map((fields, i) => refused(i + 1, fields)),
    );
    expect(await erase(anna)).toMatchObject({ records: 1, runs: [run.run_id], waitingFor: [] });
    const rows = [];
    for await (const row of ledger.records.list(run.run_no)) rows.push(row.fields);
    expect(rows).toEqual([{ cxflow_erased: true }, ...others]);
  });

  it('finds an id that is a number, and does not mistake a short id in another row for a match', async () => {
    const { ledger, database } = opened();
    const run = await openRun(ledger);
    const broken = { record: null, key1: null, key2: null, reasons: [{ code: 'x' }] };
    await ledger.records.stage(run.run_no, [
      record(1, { ...broken, fields: { contactId: 90210, phone: 'x' } }),
      record(2, { fields: { contactId: 'c2', street: '90210 Main Street' }, record: { contactId: 'c2' } }),
      record(3, { fields: { contactId: 'c3', referredBy: '90210' }, record: { contactId: 'c3' } }),
    ]);
    await database.db
      .updateTable('runs')
      .set({ state: 'completed' })
      .where('run_no', '=', run.run_no)
      .execute();
    expect(await erase('90210')).toMatchObject({ records: 2 });
    expect(await wholeLedger()).toContain('90210 main street');
  });

  it('keeps the objection as a keyed hash, on every channel', async () => {
    const anna = newContact();
    expect(await erase(anna)).toMatchObject({ suppressed: [...CHANNELS] });
    const found = await opened().ledger.suppressions.find([anna], [...CHANNELS]);
    expect(found.map(({ channel }) => channel).sort()).toEqual([...CHANNELS].sort());
    expect(await wholeLedger()).not.toContain(anna);
  });

  it('makes the proof of consent unreadable, and counts its entries', async () => {
    const anna = newContact();
    const { ledger, database } = opened();
    const batch = {
      ...{ runId: 'p:1', writeId: '1', batchKey: 'k', sentAt: null },
      ...{ requestId: null, httpStatus: null },
    };
    const preference = {
      seq: 1,
      contactId: anna,
      channel: 'email',
      optIn: false,
      consentTimestamp: null,
      withdrawalTimestamp: '2026-01-01T00:00:00.000Z',
      regulatoryRegion: 'NONE',
      source: 'x',
      idempotencyKey: 'i',
      updatedAt: '2026-01-01T00:00:00.000Z',
      outcome: 'updated',
      reasons: [],
      evidence: null,
    } as const;
    await ledger.consentProof.record(database.db, batch, [preference]);
    expect(await erase(anna)).toMatchObject({ proof: 1 });
    expect(await ledger.consentProof.list(anna)).toEqual([]);
  });

  it('deletes datasets that name the data subject, but not one that a run is still reading', async () => {
    const anna = newContact();
    const { ledger } = opened();
    const stage = (name: string) =>
      ledger.datasets.stage(
        name,
        'ndjson',
        Readable.from([Buffer.from(`${JSON.stringify({ contactId: anna, name })}\n`)]),
      );
    const [read, unread] = [await stage('read'), await stage('unread')];
    const run = await openRun(ledger, { input: { listId: 'L1', source: { dataset: unread.id } } });
    expect(await erase(anna)).toMatchObject({
      datasets: 1,
      waitingFor: [run.run_id],
    });
    expect([await ledger.datasets.find(read.id), (await ledger.datasets.find(unread.id))?.id]).toEqual([
      undefined,
      unread.id,
    ]);
  });

  it('keeps the file of suppressed people of a list load that names the data subject until the run has ended', async () => {
    const anna = newContact();
    const { ledger } = opened();
    const bytes = Readable.from([Buffer.from(`contact_id\n${anna}\n`)]);
    const { id } = await ledger.datasets.stage('dnc', 'csv', bytes);
    const run = await openRun(ledger, { input: { listId: 'L1', source: { dataset: 'x' }, suppress: id } });
    await ledger.records.finishStaging(run.run_no);
    const waiting = { datasets: 0, waitingFor: [run.run_id] };
    expect(await ledger.erasures.preview(anna)).toMatchObject(waiting);
    expect(await erase(anna)).toMatchObject(waiting);
    expect(await ledger.datasets.find(id)).toBeDefined();
    await ledger.runs.close(run.run_no, 'cancelled', null, null);
    expect(await erase(anna)).toMatchObject({ datasets: 1, waitingFor: [] });
    expect(await ledger.datasets.find(id)).toBeUndefined();
  });

  it('keeps rows that a running run still has to send, and names the run', async () => {
    const [anna, ben] = [newContact(), newContact()];
    const run = await stagedRun([anna, ben], 'running');
    await opened().ledger.writes.plan(run.run_no, 'create', 2);
    expect(await erase(anna)).toMatchObject({ records: 0, runs: [], waitingFor: [run.run_id] });
    const [write] = await opened().ledger.writes.listOpen(run.run_no, 1, 9);
    expect(write?.seqs).toEqual([1, 2]);
  });

  it('cancels pending rows of a failed run, removes them from their batch, and counts them', async () => {
    const [anna, ben] = [newContact(), newContact()];
    const run = await stagedRun([anna, ben, anna, anna], 'failed');
    const { ledger } = opened();
    await ledger.writes.plan(run.run_no, 'create', 2);
    expect(await erase(anna)).toMatchObject({ records: 3, waitingFor: [] });
    const open = await ledger.writes.listOpen(run.run_no, 1, 9);
    expect(open.map(({ seqs }) => seqs)).toEqual([[2]]);
    expect(await ledger.runs.exactCounts(run.run_no)).toMatchObject({ total: 4, pending: 1, cancelled: 3 });
    expect(await ledger.runs.counts(run.run_no)).toMatchObject({ total: 4, pending: 1, cancelled: 3 });
    expect(await wholeLedger()).not.toContain(anna);
  });

  it('cancels rows of a run that failed while staging, and deletes the dataset that it was reading', async () => {
    const [anna, ben] = [newContact(), newContact()];
    const { ledger, database } = opened();
    const bytes = Buffer.from(`${JSON.stringify({ contactId: anna })}\n`);
    const { id } = await ledger.datasets.stage('a', 'ndjson', Readable.from([bytes]));
    const run = await openRun(ledger, { input: { listId: 'L1', source: { dataset: id } } });
    await ledger.records.stage(run.run_no, [rowOf(1, anna), rowOf(2, ben)]);
    await database.db.updateTable('runs').set({ state: 'failed' }).where('run_no', '=', run.run_no).execute();
    expect(await erase(anna)).toMatchObject({ records: 1, datasets: 1, waitingFor: [] });
    // When the run is started again with the file, the cancelled rows are counted once.
    await ledger.records.stage(run.run_no, [rowOf(3, newContact())]);
    await ledger.records.finishStaging(run.run_no);
    const counts = { total: 3, pending: 2, cancelled: 1 };
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
    expect(await wholeLedger()).not.toContain(anna);
  });

  it('removes rows from a batch that CXone refused, so that the others are sent without them', async () => {
    const [anna, ben] = [newContact(), newContact()];
    const run = await stagedRun([anna, ben], 'running');
    const { ledger, database } = opened();
    await ledger.writes.plan(run.run_no, 'create', 2);
    const [write] = await writesOf(ledger, run);
    const id = write?.id ?? '';
    // After a 401 or 429 nothing of it was applied.
    await ledger.writes.release(id, (await claimed(ledger, run, id)).fence);
    await database.db.updateTable('runs').set({ state: 'failed' }).where('run_no', '=', run.run_no).execute();
    expect(await erase(anna)).toMatchObject({ records: 1, waitingFor: [] });
    expect(JSON.parse((await claimed(ledger, run, id)).payload)).toEqual([{ contactId: ben }]);
  });

  it.each(['halved', 'resent', 'maybeOwn', 'batchKey'])(
    'keeps rows of a failed run whose write was derived from one that was sent: %s',
    async (mark) => {
      const anna = newContact();
      const run = await stagedRun([anna], 'failed');
      const { ledger, database } = opened();
      await ledger.writes.plan(run.run_no, 'create', 1);
      await sql`update writes set refs = json_build_object(${mark}::text, true) where run_no = ${run.run_no}`.execute(
        database.db,
      );
      expect(await erase(anna)).toMatchObject({ records: 0, waitingFor: [run.run_id] });
    },
  );

  it("names every run that is still reading a source which cannot be searched: a worker's file, or rows of another run", async () => {
    const { ledger } = opened();
    const reading = async (source: object) => openRun(ledger, { input: { listId: 'L1', source } });
    const runs = [await reading({ path: 'a.csv' }), await reading({ retryOf: 'r' })];
    await reading({ dataset: 'd' });
    expect((await erase(newContact())).waitingFor).toEqual(runs.map(({ run_id }) => run_id).sort());
    for (const { run_no } of runs) await ledger.records.finishStaging(run_no);
    expect((await erase(newContact())).waitingFor).toEqual([]);
  });

  it('keeps rows of a failed run that were sent without an answer', async () => {
    const anna = newContact();
    const run = await stagedRun([anna], 'running');
    const { ledger, database } = opened();
    await ledger.writes.plan(run.run_no, 'create', 1);
    const [write] = await ledger.writes.listOpen(run.run_no, 1, 1);
    const claim = { runNo: run.run_no, id: write?.id ?? '', leaseMs: 1_000 };
    const claimed = await ledger.writes.claim({ ...claim, holder: 'h', tenant: 't' });
    await ledger.writes.markUnanswered(claim.id, claimed.verdict === 'claimed' ? claimed.fence : 0, 'lost');
    await database.db.updateTable('runs').set({ state: 'failed' }).where('run_no', '=', run.run_no).execute();
    expect(await erase(anna)).toMatchObject({ records: 0, waitingFor: [run.run_id] });
  });

  it('removes the body of delivered events only', async () => {
    const anna = newContact();
    const run = await stagedRun([newContact()]);
    const event = (delivered_at: Date | null) => ({
      run_no: run.run_no,
      event: 'e',
      counts: '{}',
      body: `{"contactId":"${anna}"}`,
      delivered_at,
    });
    const { database } = opened();
    await database.db
      .insertInto('outbox')
      .values([event(new Date()), event(null)])
      .execute();
    expect(await erase(anna)).toMatchObject({ events: 1 });
    const rows = await database.db
      .selectFrom('outbox')
      .select('body')
      .where('run_no', '=', run.run_no)
      .orderBy('id')
      .execute();
    expect(rows.map(({ body }) => body)).toEqual(['', `{"contactId":"${anna}"}`]);
  });

  it('is in the audit without the id of the data subject, and its result is found again', async () => {
    const anna = newContact();
    const erasureId = someId('erasure');
    const erased = await erase(anna, { erasureId });
    const { ledger } = opened();
    expect(await ledger.erasures.find(erasureId)).toEqual(erased);
    await ledger.audit.seal();
    const entries = [];
    for await (const each of ledger.audit.list(erasureId)) entries.push(each);
    expect(entries).toMatchObject([{ action: 'subject_erased', data: { ...erased, requestedBy: 'dana' } }]);
    expect(await wholeLedger()).not.toContain(anna);
  });
});
