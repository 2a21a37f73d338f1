/** How an erasure finds rows and files among many, and the objection that it leaves. */
import { Readable } from 'node:stream';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { toComparableId } from '../../src/domain/contact-id.ts';
import { CHUNK_BYTES } from '../../src/ledger/runs/datasets.sql.ts';
import { hashId } from '../../src/ledger/words.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { ledgerOfFile, newContact, openRun, record, someId } from './harness.ts';

const opened = ledgerOfFile();

async function stagedRun(
  contactIds: readonly string[],
  state: 'running' | 'completed' | 'failed' = 'completed',
) {
  const { ledger, database } = opened();
  const run = await openRun(ledger);
  await ledger.records.stage(
    run.run_no,
    contactIds.map((contactId, i) =>
      record(i + 1, { fields: { contactId }, record: { contactId }, key1: contactId }),
    ),
  );
  await ledger.records.finishStaging(run.run_no);
  await database.db.updateTable('runs').set({ state }).where('run_no', '=', run.run_no).execute();
  return run;
}

const erase = (contactId: string, objectedAt = new Date().toISOString()) =>
  opened().ledger.erasures.erase({
    erasureId: someId('erasure'),
    contactId,
    objectedAt,
    requestedBy: 'dana',
  });
const wholeLedger = () => readLedgerContents(opened().url);

describe('the search of an erasure', () => {
  it('reads only blocks whose filter has the words of the id', async () => {
    const anna = newContact();
    const run = await stagedRun([anna, newContact()]);
    const { ledger, database } = opened();
    expect(await ledger.erasures.preview(anna)).toMatchObject({ records: 1, runs: [run.run_id] });
    await sql`update record_blocks set words = decode('00', 'hex') where run_no = ${run.run_no}`.execute(
      database.db,
    );
    expect(await ledger.erasures.preview(anna)).toMatchObject({ records: 0, runs: [] });
  });

  it('reads the rows of a run one by one where an older worker has stored no filter', async () => {
    const anna = newContact();
    const run = await stagedRun([newContact(), anna]);
    const { database } = opened();
    await sql`delete from record_blocks where run_no = ${run.run_no}`.execute(database.db);
    await sql`update dataset_chunks set words = null`.execute(database.db);
    expect(await erase(anna)).toMatchObject({ records: 1, runs: [run.run_id] });
    expect(await wholeLedger()).not.toContain(anna);
  });

  it('leaves no trace of the data subject in the filter', async () => {
    const [anna, ben] = [newContact(), newContact()];
    const run = await stagedRun([anna, ben]);
    const { database } = opened();
    const mayName = async (id: string) => {
      const bits = sql.join(
        hashId(id)
          .flat()
          .map((hash) => sql`may_contain(words, ${hash}::bigint)`),
        sql` and `,
      );
      const { rows } = await sql<{ found: boolean }>`
        select ${bits} as found from record_blocks where run_no = ${run.run_no}`.execute(database.db);
      return rows[0]?.found;
    };
    expect([await mayName(anna), await mayName(ben)]).toEqual([true, true]);
    await erase(anna);
    expect([await mayName(anna), await mayName(ben)]).toEqual([false, true]);
  });

  it('finds an id that is cut by the end of a chunk of a dataset', async () => {
    const anna = newContact();
    const { ledger, database } = opened();
    const line = `x,${anna}\n`;
    const filling = Buffer.alloc(CHUNK_BYTES - line.length + 9, 'a\n');
    const bytes = Buffer.concat([filling, Buffer.from(line)]);
    const parts = [bytes.subarray(0, CHUNK_BYTES), bytes.subarray(CHUNK_BYTES)];
    const { id } = await ledger.datasets.stage('cut', 'csv', Readable.from(parts));
    const chunks = await database.db
      .selectFrom('dataset_chunks')
      .select('data')
      .where('dataset_id', '=', id)
      .execute();
    expect(chunks.map(({ data }) => Buffer.from(data).includes(anna))).toEqual([false, false]);
    expect(await ledger.erasures.preview(anna)).toMatchObject({ datasets: 1 });
    expect(await ledger.erasures.preview(newContact())).toMatchObject({ datasets: 0 });
    expect(await erase(anna)).toMatchObject({ datasets: 1 });
  });

  it('finds a short id in braces, in all ways to write it, whatever way was given', async () => {
    const { ledger, database } = opened();
    const run = await openRun(ledger);
    const cells = ['{Q7}', ' {q7} ', '{ Q7\t}', 'Q7 ', '{Q7', 'x {Q7}', '{Q77}'];
    await ledger.records.stage(
      run.run_no,
      cells.map((contactId, i) =>
        record(i + 1, {
          fields: { contactId, note: '-' },
          record: { contactId: contactId.trim() },
          key1: null,
          key2: null,
        }),
      ),
    );
    await database.db
      .updateTable('runs')
      .set({ state: 'completed' })
      .where('run_no', '=', run.run_no)
      .execute();
    expect(await erase(toComparableId('{ q7 }'))).toMatchObject({ records: 4 });
    const left = [];
    for await (const { fields } of ledger.records.list(run.run_no)) left.push(fields);
    expect(left.slice(4)).toEqual(cells.slice(4).map((contactId) => ({ contactId, note: '-' })));
  });

  it('shows beforehand what goes and what stays, and changes nothing', async () => {
    const anna = newContact();
    const runs = [
      await stagedRun([anna]),
      await stagedRun([anna], 'failed'),
      await stagedRun([anna], 'running'),
    ];
    const before = await wholeLedger();
    const shown = await opened().ledger.erasures.preview(anna);
    expect(shown).toMatchObject({ records: 2, waitingFor: [runs[2]?.run_id] });
    expect(await wholeLedger()).toBe(before);
    expect(await erase(anna)).toEqual(shown);
  });
});

describe('the objection of an erasure', () => {
  it('has the date on which the data subject objected', async () => {
    const anna = newContact();
    const objectedAt = '2026-03-01T10:00:00.000Z';
    await erase(anna, objectedAt);
    const found = await opened().ledger.suppressions.find([anna], ['email']);
    expect(found.map(({ since }) => since.toISOString())).toEqual([objectedAt]);
  });

  it('is not ended by a consent whose clock was ahead, only by one that is certainly newer', async () => {
    const anna = newContact();
    await erase(anna, '2026-03-01T10:00:00.000Z');
    const { suppressions } = opened().ledger;
    const consent = (consentTimestamp: string) =>
      suppressions.recordConsents([{ contactId: anna, channel: 'email', consentTimestamp }]);
    await consent('2026-03-01T10:04:00.000Z');
    expect(await suppressions.find([anna], ['email'])).toHaveLength(1);
    await consent('2026-03-01T10:06:00.000Z');
    expect(await suppressions.find([anna], ['email'])).toEqual([]);
  });
});
