/** Records of an operation that ranks them: who comes first, who is a duplicate of whom, and what is sent in which order. */
import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { compareRank, type Ranked } from '../../src/domain/list-load/rank.ts';
import type { StagedRecord } from '../../src/ledger/runs/records.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import {
  all,
  claimed,
  expireLease,
  group,
  invalid,
  ledgerOfFile,
  openRun,
  record,
  settlement,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();

interface Row {
  readonly score: number;
  /** Days; null: no date. */
  readonly day: number | null;
  readonly keys: readonly string[];
}

const item = (seq: number, contactId = `c${seq}`) => ({
  deduplicationKeys: [{ name: 'contact_id', value: contactId }],
  fields: [{ name: 'contact_id', value: contactId }],
  priority: seq % 11,
});

const toTimestamp = (day: number): string => new Date(day * 86_400_000).toISOString();

const ranked = (seq: number, { score, day, keys }: Row): StagedRecord =>
  record(seq, {
    record: item(seq),
    ...{ key1: null, key2: null, keys },
    rank: { score, recency: day === null ? null : toTimestamp(day) },
  });

const ROW: fc.Arbitrary<Row> = fc.record({
  score: fc.constantFrom(-20, 0, 9.99, 10, 55, 55.5, 100, 1e21),
  day: fc.option(fc.integer({ min: 0, max: 3 })),
  keys: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 3 }),
});

/** The order of the domain: the numbers of the rows in the order of their ranks. */
function inOrder(rows: readonly Row[], seqs = upTo(rows.length)): number[] {
  const rankOf = (seq: number): Ranked => {
    const { score, day } = rows[seq - 1] as Row;
    return { score, updatedAt: day === null ? null : toTimestamp(day), line: seq };
  };
  return seqs.toSorted((a, b) => compareRank(rankOf(a), rankOf(b)));
}

async function stagedRun(rows: readonly StagedRecord[], more: { finish?: boolean } = {}): Promise<Run> {
  const { ledger } = opened();
  const run = await openRun(ledger);
  await ledger.records.stage(run.run_no, rows);
  if (more.finish !== false) await ledger.records.finishStaging(run.run_no);
  return run;
}

const settledAs = (seqs: readonly number[], outcome: 'duplicate' | 'suppressed' = 'suppressed') =>
  seqs.map((seq) => ({ seq, outcome, reasons: [{ code: 'test' }] }));

const rowsOf = (...scores: readonly number[]): StagedRecord[] =>
  scores.map((score, i) => ranked(i + 1, { score, day: null, keys: [] }));

describe('ranked candidates', () => {
  it('are the pending records that share a key with another pending one, by rank (property)', async () => {
    const { ledger } = opened();
    await fc.assert(
      fc.asyncProperty(
        fc.array(ROW, { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 10 }),
        async (rows, settled) => {
          const run = await stagedRun(
            [...rows.map((row, i) => ranked(i + 1, row)), invalid(rows.length + 1)],
            { finish: false },
          );
          const out = new Set(settled.filter((seq) => seq <= rows.length));
          await ledger.records.settleStaged(run.run_no, settledAs([...out]));
          const pending = upTo(rows.length).filter((seq) => !out.has(seq));
          const keysOf = (seq: number) => rows[seq - 1]?.keys ?? [];
          const shared = pending.filter((seq) =>
            pending.some((other) => other !== seq && keysOf(other).some((key) => keysOf(seq).includes(key))),
          );
          expect(await all(ledger.records.listRankedCandidates(run.run_no))).toEqual(
            inOrder(rows, shared).map((seq) => ({ seq, line: seq + 1, keys: keysOf(seq) })),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('come page by page, in one order over all pages', async () => {
    const { ledger } = opened();
    const rows = upTo(5_000).map((seq) => ({ score: (seq * 7) % 13, day: seq % 5, keys: [`k${seq >> 1}`] }));
    const run = await openRun(ledger);
    for (let at = 0; at < rows.length; at += 1_000)
      await ledger.records.stage(
        run.run_no,
        rows.slice(at, at + 1_000).map((row, i) => ranked(at + i + 1, row)),
      );
    const found = await all(ledger.records.listRankedCandidates(run.run_no));
    // The first and the last have a key of their own.
    expect(found.map(({ seq }) => seq)).toEqual(
      inOrder(
        rows,
        upTo(4_998).map((seq) => seq + 1),
      ),
    );
  });

  it('have their keys as they were staged, whatever characters these have (property)', async () => {
    const { ledger } = opened();
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((key) => key.replaceAll('\0', ''));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 5 }), async (keys) => {
        const row = { score: 1, day: null, keys };
        const run = await stagedRun([ranked(1, row), ranked(2, row)]);
        const found = await all(ledger.records.listRankedCandidates(run.run_no));
        expect(found.map((each) => each.keys)).toEqual([keys, keys]);
      }),
      { numRuns: 60 },
    );
  });

  it('do not include a record that names a key twice and shares it with nobody', async () => {
    const run = await stagedRun([ranked(1, { score: 1, day: null, keys: ['a', 'a'] })]);
    expect(await all(opened().ledger.records.listRankedCandidates(run.run_no))).toEqual([]);
  });
});

describe('a plan by rank', () => {
  it('divides the pending records into batches in the order of their ranks (property)', async () => {
    const { ledger } = opened();
    await fc.assert(
      fc.asyncProperty(
        fc.array(ROW, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        async (rows, size) => {
          const run = await stagedRun(rows.map((row, i) => ranked(i + 1, row)));
          const batches = await ledger.writes.plan(run.run_no, 'load', size, { order: 'rank' });
          expect(await ledger.writes.plan(run.run_no, 'load', size, { order: 'rank' })).toBe(batches);
          const writes = await writesOf(ledger, run);
          expect(writes.map(({ batch }) => batch)).toEqual(upTo(Math.ceil(rows.length / size)));
          expect(writes.flatMap(({ seqs }) => seqs)).toEqual(inOrder(rows));
          expect(writes.slice(0, -1).every(({ seqs }) => seqs.length === size)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('begins another batch where the records exceed the size of a request, and keeps the order', async () => {
    const { ledger } = opened();
    const run = await stagedRun(rowsOf(3, 1, 2, 5, 4));
    await ledger.writes.plan(run.run_no, 'load', 100, { order: 'rank', batchBytes: 1 });
    const seqs = (await writesOf(ledger, run)).map((write) => write.seqs);
    expect(seqs.flat()).toEqual([4, 5, 1, 3, 2]);
    expect(seqs.length).toBeGreaterThan(1);
  });

  it('is claimed with the records in the order of the batch, and again with the same text', async () => {
    const { ledger } = opened();
    const run = await stagedRun(rowsOf(3, 1, 2));
    await ledger.writes.plan(run.run_no, 'load', 3, { order: 'rank' });
    const [write] = await writesOf(ledger, run);
    const id = write?.id ?? '';
    const first = await claimed(ledger, run, id);
    expect(write?.seqs).toEqual([1, 3, 2]);
    expect(JSON.parse(first.payload)).toEqual([item(1), item(3), item(2)]);
    await expireLease(opened(), id);
    expect(await claimed(ledger, run, id)).toMatchObject({ payload: first.payload, lostAnswers: 1 });
  });

  it('keeps its order in derived writes, in whatever order an answer names their records', async () => {
    const { ledger } = opened();
    const run = await stagedRun(rowsOf(10, 40, 30, 20));
    await ledger.writes.plan(run.run_no, 'load', 4, { order: 'rank' });
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    const given = settlement(write?.id ?? '', fence, [group('existing', [3])]);
    const derived = [{ kind: 'load', seqs: [1, 2, 4] }];
    expect(await ledger.writes.settle({ ...given, derived })).toBe(true);
    const [rest] = await writesOf(ledger, run);
    expect(rest?.seqs).toEqual([2, 4, 1]);
    const { payload } = await claimed(ledger, run, rest?.id ?? '');
    expect(JSON.parse(payload)).toEqual([item(2), item(4), item(1)]);
  });
});

describe('records for which there is no room', () => {
  it('are cancelled from the end of the order, once (property)', async () => {
    const { ledger } = opened();
    const reason = { code: 'no_capacity' };
    await fc.assert(
      fc.asyncProperty(
        fc.array(ROW, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 35 }),
        async (rows, room) => {
          const run = await stagedRun(rows.map((row, i) => ranked(i + 1, row)));
          const beyond = Math.max(0, rows.length - room);
          await ledger.records.cancelBeyond(run.run_no, room, reason);
          await ledger.records.cancelBeyond(run.run_no, room, reason);
          const pending = (await all(ledger.records.listPending(run.run_no))).map(({ seq }) => seq);
          expect(pending).toEqual(
            inOrder(rows)
              .slice(0, room)
              .toSorted((a, b) => a - b),
          );
          const counts = await ledger.runs.exactCounts(run.run_no);
          expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
          expect([counts.pending, counts.cancelled ?? 0]).toEqual([rows.length - beyond, beyond]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are pending again with the duplicates until the run is planned, except for erased ones and other reasons', async () => {
    const { ledger, database } = opened();
    const reason = { code: 'no_capacity' };
    const run = await stagedRun(rowsOf(6, 5, 4, 3, 2, 1));
    await ledger.records.settleStaged(run.run_no, [
      ...settledAs([2], 'duplicate'),
      ...settledAs([3], 'suppressed'),
    ]);
    await ledger.records.cancelBeyond(run.run_no, 2, reason);
    await sql`update records set keys = null where run_no = ${run.run_no} and seq = 6`.execute(database.db);
    await ledger.records.returnUnplanned(run.run_no, { code: 'other' });
    await ledger.records.settleStaged(run.run_no, settledAs([2], 'duplicate'));
    const cancelled = { total: 6, pending: 2, duplicate: 1, suppressed: 1, cancelled: 2 };
    for (const counts of [cancelled, { total: 6, pending: 4, suppressed: 1, cancelled: 1 }]) {
      expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
      expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
      await ledger.records.returnUnplanned(run.run_no, reason);
    }
    await ledger.records.cancelBeyond(run.run_no, 1, reason);
    await ledger.writes.plan(run.run_no, 'load', 2, { order: 'rank' });
    await ledger.records.returnUnplanned(run.run_no, reason);
    expect(await ledger.runs.exactCounts(run.run_no)).toMatchObject({ pending: 1, cancelled: 4 });
  });

  it('stay once they are planned, because their writes have them', async () => {
    const { ledger } = opened();
    const run = await stagedRun(rowsOf(1, 2, 3));
    await ledger.writes.plan(run.run_no, 'load', 2, { order: 'rank' });
    await ledger.records.cancelBeyond(run.run_no, 1, { code: 'no_capacity' });
    expect(await ledger.runs.exactCounts(run.run_no)).toMatchObject({ pending: 3 });
  });
});

describe('records that must not be sent', () => {
  it('are settled once, and counted, before and after the end of the staging', async () => {
    const { ledger } = opened();
    const run = await stagedRun([...rowsOf(1, 2, 3, 4), invalid(5)], { finish: false });
    await ledger.records.settleStaged(run.run_no, settledAs([1]));
    await ledger.records.finishStaging(run.run_no);
    await ledger.records.settleStaged(run.run_no, settledAs([1, 2]));
    await ledger.records.settleStaged(run.run_no, settledAs([2, 3], 'duplicate'));
    const counts = { total: 5, pending: 1, invalid: 1, suppressed: 2, duplicate: 1 };
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
  });
});

describe('pending records', () => {
  it('are listed in the order of the source, and counted by tens of their scores', async () => {
    const { ledger } = opened();
    const run = await stagedRun([...rowsOf(-5, 0, 9.99, 10, 99, 100, 250, 55), invalid(9)], {
      finish: false,
    });
    await ledger.records.settleStaged(run.run_no, settledAs([8]));
    expect(await all(ledger.records.listPending(run.run_no))).toEqual(
      upTo(7).map((seq) => ({ seq, record: item(seq) })),
    );
    expect(await ledger.records.countScores(run.run_no)).toEqual([3, 1, 0, 0, 0, 0, 0, 0, 0, 3]);
  });

  it('are each listed once, behind pages without any and in pages of large records', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    const note = 'x'.repeat(5_000_000);
    const rows = upTo(4_010).map((seq) => record(seq, { record: seq > 4_000 ? { seq, note } : { seq } }));
    for (const part of [rows.slice(0, 4_000), rows.slice(4_000)])
      await ledger.records.stage(run.run_no, part);
    await ledger.records.settleStaged(run.run_no, settledAs(upTo(2_500)));
    const found = await all(ledger.records.listPending(run.run_no));
    expect(found.map(({ seq }) => seq)).toEqual(upTo(1_510).map((n) => 2_500 + n));
  });

  it('without ranks are planned in the order of the source, and have no scores', async () => {
    const { ledger } = opened();
    const run = await stagedRun(upTo(3).map((seq) => record(seq)));
    expect(await ledger.records.countScores(run.run_no)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(await all(ledger.records.listRankedCandidates(run.run_no))).toEqual([]);
    await ledger.writes.plan(run.run_no, 'create', 2);
    expect((await writesOf(ledger, run)).map(({ seqs }) => seqs)).toEqual([[1, 2], [3]]);
  });
});
