import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { all, invalid, ledgerOfFile, openRun, plannedRun, record, upTo } from './harness.ts';

const opened = ledgerOfFile();

const stagedThrough = async (runNo: number) =>
  (
    await opened()
      .database.db.selectFrom('runs')
      .select('staged_through')
      .where('run_no', '=', runNo)
      .executeTakeFirstOrThrow()
  ).staged_through;

describe('staging', () => {
  it('keeps every character of a row: tabs, backslashes, line ends, COPY markers, right-to-left, astral', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    const texts = [
      'a\tb\\c\\\\d\ne\rf\r\ng',
      '\\N',
      '\\.',
      '\\t\\n\\x41\\101',
      '‏שלום עליכם‎ مرحبا',
      '😀 𝒳 e\u0301 \u0001\u001f\u007f',
      '\\u0000 as text, "quoted", {"json": [1]}',
      '',
    ];
    const rows = texts.map((text, i) => record(i + 1, { fields: { text, [`k${text}`]: [text, null] } }));
    await ledger.records.stage(run.run_no, rows);
    const back = await all(ledger.records.list(run.run_no));
    expect(back.map(({ fields }) => fields)).toEqual(rows.map(({ fields }) => fields));
  });

  it('keeps any text in fields, records and keys (property)', async () => {
    const { ledger, database } = opened();
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((s) => s.replaceAll('\0', ''));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 20 }), async (rows) => {
        const run = await openRun(ledger);
        const staged = rows.map(([a, b], i) =>
          record(i + 1, { fields: { [a]: b }, record: { a, b }, key1: a, key2: b }),
        );
        await ledger.records.stage(run.run_no, staged);
        const { rows: back } = await sql<{ fields: unknown; record: unknown; key1: string; key2: string }>`
          select fields, record, key1, key2 from records where run_no = ${run.run_no} order by seq`.execute(
          database.db,
        );
        expect(back).toEqual(
          staged.map(({ fields, record, key1, key2 }) => ({ fields, record, key1, key2 })),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('keeps NUL and lone surrogates in fields, where raw rows have them', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.records.stage(run.run_no, [record(1, { fields: { cxflow_raw: 'a\0b\ud800c' } })]);
    const [row] = await all(ledger.records.list(run.run_no));
    expect(row?.fields).toEqual({ cxflow_raw: 'a\0b\ud800c' });
  });

  it('settles invalid rows with their reasons, and leaves valid ones pending', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.records.stage(run.run_no, [record(1), invalid(2), record(3)]);
    const back = await all(ledger.records.list(run.run_no));
    expect(back.map(({ outcome }) => outcome)).toEqual(['pending', 'invalid', 'pending']);
    expect(back[1]?.reasons).toEqual([{ code: 'phone_missing' }]);
    expect(await all(ledger.records.list(run.run_no, 'invalid'))).toHaveLength(1);
    expect(await all(ledger.records.list(run.run_no, 'pending'))).toHaveLength(2);
  });

  it('changes nothing when a chunk is staged again, even late or with other content', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    const chunk = [record(1), invalid(2)];
    await ledger.records.stage(run.run_no, chunk);
    await ledger.records.stage(run.run_no, [record(3), record(4)]);
    const before = await all(ledger.records.list(run.run_no));
    await ledger.records.stage(run.run_no, chunk);
    await ledger.records.stage(run.run_no, [record(1, { fields: { other: 'content' } })]);
    expect(await all(ledger.records.list(run.run_no))).toEqual(before);
    expect(await stagedThrough(run.run_no)).toBe(4);
  });

  it('stages each row once when two workers stage the same chunks at the same time', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    const chunk = (from: number) => upTo(50).map((i) => (i % 7 === 0 ? invalid(from + i) : record(from + i)));
    const chunks = [chunk(0), chunk(50), chunk(100)];
    await Promise.all([...chunks, ...chunks].map((rows) => ledger.records.stage(run.run_no, rows)));
    await ledger.records.finishStaging(run.run_no);
    const counts = await ledger.runs.exactCounts(run.run_no);
    expect(counts).toEqual({ total: 150, pending: 129, invalid: 21 });
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
  });

  it('stages nothing of a chunk with a row that the database rejects, and returns the connection to the pool', async () => {
    const { url } = opened();
    const ledger = openLedger(url, 1);
    try {
      const run = await openRun(ledger);
      await ledger.records.stage(run.run_no, [record(1)]);
      const bad = [record(2), record(3, { key1: 'a\0b' }), record(4)];
      await expect(ledger.records.stage(run.run_no, bad)).rejects.toThrow(/0x00|UTF8/);
      expect(await stagedThrough(run.run_no)).toBe(1);
      await ledger.records.stage(run.run_no, [record(2)]);
      expect(await all(ledger.records.list(run.run_no))).toHaveLength(2);
    } finally {
      await ledger.close();
    }
  });

  it('stages a chunk completely or not at all when its connection is killed at any moment', async () => {
    const { url, database } = opened();
    for (const afterMs of [0, 1, 2, 4, 8, 16, 32]) {
      const ledger = openLedger(url, 1);
      const run = await openRun(ledger);
      const pid = (
        await sql<{ pid: number }>`select pid from pg_stat_activity
          where application_name = 'cxflow' and query like '%runs%' and pid <> pg_backend_pid()
          order by backend_start desc limit 1`.execute(database.db)
      ).rows[0]?.pid;
      const rows = upTo(2_000).map((seq) => record(seq, { fields: { text: 'x'.repeat(500) } }));
      const staging = ledger.records.stage(run.run_no, rows).then(
        () => 'staged',
        () => 'failed',
      );
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await sql`select pg_terminate_backend(${pid ?? 0}::int)`.execute(database.db);
      const ended = await staging;
      // A commit whose confirmation was lost may have taken effect.
      expect(ended === 'staged' ? [2_000] : [0, 2_000]).toContain(await stagedThrough(run.run_no));
      // The pool opens a new connection, and the same chunk can be staged.
      await ledger.records.stage(run.run_no, rows).catch(() => ledger.records.stage(run.run_no, rows));
      expect(await stagedThrough(run.run_no)).toBe(2_000);
      await ledger.close();
    }
  });
});

describe('duplicates', () => {
  it('are searched among valid records that share a key, in the order of the source, over many pages', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    const n = 5_000;
    const rows = upTo(n).map((seq) => {
      if (seq % 1_000 === 0) return invalid(seq);
      return record(seq, { key1: `k${seq % 4_500}`, key2: `p${seq}` });
    });
    await ledger.records.stage(run.run_no, rows);
    const found = await all(ledger.records.listDuplicateCandidates(run.run_no));
    const shared = rows.filter(
      (row) => row.record !== null && rows.some((r) => r !== row && r.record !== null && r.key1 === row.key1),
    );
    expect(found).toEqual(shared.map(({ seq, line, key1, key2 }) => ({ seq, line, key1, key2 })));
  });

  it('are settled once, and counted by the end of staging', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.records.stage(run.run_no, [record(1), record(2, { key1: 'c1' }), record(3), invalid(4)]);
    const reason = { code: 'duplicate_in_source', message: 'same as line 2' };
    const duplicateRows = [{ seq: 2, outcome: 'duplicate' as const, reasons: [reason] }];
    await ledger.records.settleStaged(run.run_no, duplicateRows);
    await ledger.records.settleStaged(run.run_no, duplicateRows);
    await ledger.records.finishStaging(run.run_no);
    await ledger.records.finishStaging(run.run_no);
    const counts = { total: 4, pending: 2, duplicate: 1, invalid: 1 };
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
    expect(await ledger.records.countReasons(run.run_no)).toEqual([
      { outcome: 'duplicate', code: 'duplicate_in_source', field: null, n: 1 },
      { outcome: 'invalid', code: 'phone_missing', field: null, n: 1 },
    ]);
  });
});

describe('the end of a run', () => {
  it('cancels pending records once, and both ways of counting agree', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 7);
    await ledger.records.cancelPending(run.run_no, { code: 'run_cancelled' });
    await ledger.records.cancelPending(run.run_no, { code: 'run_cancelled' });
    const counts = { total: 7, pending: 0, cancelled: 7 };
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
  });

  it('counts what staging has settled if the run is cancelled before its end', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.records.stage(run.run_no, [record(1), invalid(2), record(3)]);
    for (const _ of upTo(2)) await ledger.records.cancelPending(run.run_no, { code: 'run_cancelled' });
    const counts = { total: 3, pending: 0, invalid: 1, cancelled: 2 };
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
  });

  it('fails instead of counting wrongly when a record is missing', async () => {
    const { ledger, database } = opened();
    const run = await plannedRun(ledger, 3);
    await sql`delete from records where run_no = ${run.run_no} and seq = 2`.execute(database.db);
    await expect(ledger.runs.exactCounts(run.run_no)).rejects.toThrow(/do not add up/);
    await sql`delete from records where run_no = ${run.run_no}`.execute(database.db);
    await expect(ledger.runs.exactCounts(run.run_no)).rejects.toThrow(/do not add up/);
  });

  it('lists twenty thousand records page by page, each once and in order', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    for (let from = 0; from < 20_000; from += 2_000)
      await ledger.records.stage(
        run.run_no,
        upTo(2_000).map((i) => record(from + i)),
      );
    let last = 0;
    for await (const { seq } of ledger.records.list(run.run_no)) {
      expect(seq).toBe(last + 1);
      last = seq;
    }
    expect(last).toBe(20_000);
  });
});

it('a database that was never used can be closed without a connection', async () => {
  await openDatabase('postgres://nobody@127.0.0.1:1/none').close();
});
