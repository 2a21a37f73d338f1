/** What CXone says in its answers, in the ledger: bounded, counted, and deleted with the rows. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/domain/messages.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { OpenWrite } from '../../src/ledger/writes/writes.ts';
import {
  claimed,
  expireLease,
  group,
  ledgerOfFile,
  newContact,
  openRun,
  plannedRun,
  plannedWrite,
  record,
  settlement,
  someId,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();

const auditOf = async (run: Run, action: string) => {
  const { rows } = await sql<{ data: Record<string, unknown> }>`
    select data from audit_pending where run_id = ${run.run_id} and action = ${action} order by id`.execute(
    opened().database.db,
  );
  return rows.map(({ data }) => data);
};

/** Settles all writes of a run, as several workers at once: each write by one of them, with its messages. */
async function settleAll(run: Run, messagesOf: (write: OpenWrite) => readonly Message[]): Promise<void> {
  const { ledger, url } = opened();
  const writes = await writesOf(ledger, run);
  const workers = Array.from({ length: 4 }, () => openLedger(url, 4));
  await Promise.all(
    writes.map(async (write, i) => {
      const worker = workers[i % workers.length] ?? ledger;
      const { fence } = await claimed(worker, run, write.id);
      const settled = { ...settlement(write.id, fence, [group('created', write.seqs)]), runNo: run.run_no };
      expect(await worker.writes.settle({ ...settled, messages: messagesOf(write) })).toBe(true);
    }),
  );
  await Promise.all(workers.map((worker) => worker.close()));
}

describe('the messages of CXone', () => {
  it('are stored once, however many answers have them, and counted', async () => {
    const { ledger, database } = opened();
    const run = await plannedRun(ledger, 400, 1);
    await settleAll(run, ({ batch }) => [
      { text: 'list is nearly full', n: 1 },
      { text: 'number ends with 0', n: batch % 10 === 0 ? 2 : 1 },
    ]);
    expect(await ledger.answers.messages(run.run_no)).toEqual({
      messages: [
        { text: 'number ends with 0', httpStatus: 200, n: 440, answers: 400, firstBatch: 1 },
        { text: 'list is nearly full', httpStatus: 200, n: 400, answers: 400, firstBatch: 1 },
      ],
      notKept: 0,
    });
    const stored = await database.db
      .selectFrom('cxone_messages')
      .selectAll()
      .where('run_no', '=', run.run_no)
      .execute();
    expect(stored).toHaveLength(2);
    const audited = await auditOf(run, 'cxone_message');
    expect(audited.reduce((sum, { newMessages }) => sum + Number(newMessages), 0)).toBe(2);
    expect(audited[0]).toEqual({
      ...{ batch: expect.any(Number) as number, writeId: expect.any(String) as string },
      ...{ httpStatus: 200, newMessages: expect.any(Number) as number },
    });
  });

  it('are at most 50 different texts in a run, whoever settles at the same time; the others are counted', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 100, 1);
    await settleAll(run, ({ batch }) => [
      { text: `${100 - batch} places left`, n: 1 },
      { text: null, n: 3 },
    ]);
    const { messages, notKept } = await ledger.answers.messages(run.run_no);
    expect([messages.length, notKept]).toEqual([50, 50 + 300]);
    expect(await auditOf(run, 'cxone_message')).toHaveLength(50);
  });

  it('mean something else under another status', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 2, 1);
    for (const [i, write] of (await writesOf(ledger, run)).entries()) {
      const { fence } = await claimed(ledger, run, write.id);
      const settled = settlement(write.id, fence, [group('rejected', write.seqs)]);
      const messages = [{ text: 'locked', n: 1 }];
      await ledger.writes.settle({ ...settled, httpStatus: [400, 409][i] ?? null, messages });
    }
    const { messages } = await ledger.answers.messages(run.run_no);
    expect(messages.map(({ httpStatus }) => httpStatus).sort()).toEqual([400, 409]);
  });
});

describe('the erasure of a person', () => {
  it('deletes the messages of the runs that have a row of that person, and keeps their number', async () => {
    const { ledger, database } = opened();
    const anna = newContact();
    const text = 'the sister of this one is blocked';
    const runs = { ofAnna: await openRun(ledger), ofOthers: await openRun(ledger) };
    for (const [run, contactId] of [[runs.ofAnna, anna] as const, [runs.ofOthers, newContact()] as const]) {
      const row = { fields: { contactId }, record: { contactId }, key1: contactId };
      await ledger.records.stage(run.run_no, [record(1, row)]);
      await ledger.records.finishStaging(run.run_no);
      await ledger.writes.plan(run.run_no, 'create', 1);
      await settleAll(run, () => [{ text, n: 3 }]);
    }
    await database.db
      .updateTable('runs')
      .set({ state: 'completed' })
      .where('run_no', '=', runs.ofAnna.run_no)
      .execute();
    await ledger.erasures.erase({
      ...{ erasureId: someId('erasure'), contactId: anna, requestedBy: 'dana' },
      objectedAt: new Date().toISOString(),
    });
    expect(await ledger.answers.messages(runs.ofAnna.run_no)).toEqual({ messages: [], notKept: 3 });
    expect(await ledger.answers.messages(runs.ofOthers.run_no)).toMatchObject({ messages: [{ text, n: 3 }] });
    const audited = JSON.stringify(await auditOf(runs.ofAnna, 'cxone_message'));
    expect(audited).not.toContain('sister');
  });
});

describe("CXone's ids", () => {
  it('are kept with the answer and with the records that it names', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 4);
    const { fence } = await claimed(ledger, run, id);
    await ledger.writes.settle({
      ...settlement(id, fence, [
        { ...group('updated', [3, 1]), cxoneIds: ['pref-3', null] },
        { ...group('existing', [2]), cxoneIds: ['pref-2'] },
        group('rejected', [4]),
      ]),
      cxoneId: '65a1b2c3d4e5f60012345679',
    });
    const ids: [number, string | null][] = [];
    for await (const { seq, cxoneId } of ledger.records.list(run.run_no)) ids.push([seq, cxoneId]);
    expect(ids).toEqual([
      [1, null],
      [2, 'pref-2'],
      [3, 'pref-3'],
      [4, null],
    ]);
    expect(await ledger.answers.summary(run.run_no)).toEqual({ averageMs: null, recordIds: 2 });
    expect(await ledger.answers.latest(run.run_no, 5)).toMatchObject([
      { cxoneId: '65a1b2c3d4e5f60012345679', batch: 1, records: 4, httpStatus: 200 },
    ]);
  });

  it('of one group for the whole write is kept, too', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 2);
    const { fence } = await claimed(ledger, run, id);
    const whole = { ...group('updated', [1, 2]), cxoneIds: ['pref-1', 'pref-2'] };
    await ledger.writes.settle(settlement(id, fence, [whole]));
    expect(await ledger.answers.summary(run.run_no)).toMatchObject({ recordIds: 2 });
  });

  it('of a late answer is kept once the answer settles the write', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 2);
    const { fence } = await claimed(ledger, run, id);
    await expireLease(opened(), id);
    await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
    const late = { ...settlement(id, fence, [group('created', [1, 2])]), cxoneId: 'late-1' };
    expect(await ledger.writes.settle(late)).toBe(false);
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null, event: 'e' });
    expect(await ledger.answers.latest(run.run_no, 5)).toMatchObject([{ cxoneId: 'late-1' }]);
    const entry = { status: 'success', cxoneId: 'late-1', batchStartIndex: 2 };
    expect((await auditOf(run, 'batch_settled')).at(-1)).toMatchObject(entry);
    const [event] = await ledger.outbox.listUndelivered(run.run_no, 5);
    if (!event) throw new Error('no event');
    expect(await ledger.outbox.trailer(event)).toMatchObject({ batches: 1, failed: 0, last: entry });
  });

  it('of a record are erased with it', async () => {
    const { ledger, database } = opened();
    const anna = newContact();
    const run = await openRun(ledger);
    const row = { fields: { contactId: anna }, record: { contactId: anna }, key1: anna };
    await ledger.records.stage(run.run_no, [record(1, row), record(2)]);
    await ledger.records.finishStaging(run.run_no);
    await ledger.writes.plan(run.run_no, 'update', 2);
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    const settled = { ...group('updated', [1, 2]), cxoneIds: ['pref-of-anna', 'pref-of-ben'] };
    await ledger.writes.settle(settlement(write?.id ?? '', fence, [settled]));
    await database.db
      .updateTable('runs')
      .set({ state: 'completed' })
      .where('run_no', '=', run.run_no)
      .execute();
    await ledger.erasures.erase({
      ...{ erasureId: someId('erasure'), contactId: anna, requestedBy: 'dana' },
      objectedAt: new Date().toISOString(),
    });
    const ids: (string | null)[] = [];
    for await (const { cxoneId } of ledger.records.list(run.run_no)) ids.push(cxoneId);
    expect(ids).toEqual([null, 'pref-of-ben']);
  });
});

describe('a batch that ends in doubt', () => {
  it('is in the audit, and so is its event, with its number and its first line', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 4, 2);
    const [, write] = await writesOf(ledger, run);
    await claimed(ledger, run, write?.id ?? '');
    await expireLease(opened(), write?.id ?? '');
    await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
    const entry = {
      ...{ batch: 2, batchStartIndex: 4, writeId: write?.id, kind: 'create', recordCount: 2 },
      ...{ counts: { in_doubt: 2 }, status: 'in_doubt' },
    };
    expect(await auditOf(run, 'batch_settled')).toMatchObject([entry]);
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null, event: 'e' });
    expect(await auditOf(run, 'batch_settled')).toMatchObject([
      entry,
      { ...entry, details: 'left in doubt' },
    ]);
    const [event] = await ledger.outbox.listUndelivered(run.run_no, 5);
    if (!event) throw new Error('no event');
    expect(event.audit_id).not.toBeNull();
    expect(await ledger.outbox.trailer(event)).toEqual({
      ...{ batches: 1, failed: 1, batchStartIndex: 4, messages: 0 },
      last: expect.objectContaining(entry) as unknown,
    });
  });
});
