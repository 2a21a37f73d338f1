import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { SettledGroup } from '../../src/ledger/writes/settlements.ts';
import {
  claimed,
  claimOf,
  contact,
  group,
  ledgerOfFile,
  openRun,
  writesOf,
  plannedRun,
  record,
  settlement,
  upTo,
} from './harness.ts';

const opened = ledgerOfFile();

/** The whole row: what a verb that "changes nothing" must leave alone. */
async function rowOf(id: string) {
  return opened().database.db.selectFrom('writes').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

async function firstOf(n: number, size = n) {
  const run = await plannedRun(opened().ledger, n, size);
  const [write] = await writesOf(opened().ledger, run);
  if (!write) throw new Error('nothing planned');
  return { run, write, id: write.id };
}

/** Races between processes: what one ledger is asked at the same moment, it asks in one statement. */
async function inProcesses<T>(times: number, ask: (ledger: Ledger) => Promise<T>): Promise<T[]> {
  const ledgers = upTo(4).map(() => openLedger(opened().url, 2));
  const asked = ledgers.flatMap((ledger) => upTo(times / ledgers.length).map(() => ask(ledger)));
  const answers = await Promise.all(asked);
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  return answers;
}

const expire = (id: string) =>
  sql`update writes set lease_until = clock_timestamp() - interval '1 ms' where id = ${id}`.execute(
    opened().database.db,
  );

describe('planning', () => {
  it('cuts exactly the pending records into batches of the size, in the order of the source (property)', async () => {
    const { ledger } = opened();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('valid', 'invalid', 'duplicate'), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 25 }),
        async (kinds, size) => {
          const run = await openRun(ledger);
          const reasons = [{ code: 'phone_missing' }];
          await ledger.records.stage(
            run.run_no,
            kinds.map((kind, i) => record(i + 1, kind === 'invalid' ? { record: null, reasons } : {})),
          );
          const duplicateRows = kinds.flatMap((kind, i) =>
            kind === 'duplicate' ? [{ seq: i + 1, reason: { code: 'duplicate_in_source' } }] : [],
          );
          await ledger.records.settleDuplicates(run.run_no, duplicateRows);
          await ledger.records.finishStaging(run.run_no);
          const batches = await ledger.writes.plan(run.run_no, 'create', size);
          const pending = kinds.flatMap((kind, i) => (kind === 'valid' ? [i + 1] : []));
          const planned = await writesOf(ledger, run);
          expect(batches).toBe(Math.ceil(pending.length / size));
          expect(planned.flatMap(({ seqs }) => seqs)).toEqual(pending);
          expect(planned.map(({ batch }) => batch)).toEqual(upTo(batches));
          expect(planned.slice(0, -1).every(({ seqs }) => seqs.length === size)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('cuts a batch where its records are large: each is at most the limit and one record (property)', async () => {
    const { ledger } = opened();
    const LIMIT = 1_000;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 1_500 }), { minLength: 1, maxLength: 40 }),
        async (lengths) => {
          const run = await openRun(ledger);
          const rows = lengths.map((length, i) => record(i + 1, { record: { text: 'x'.repeat(length) } }));
          await ledger.records.stage(run.run_no, rows);
          await ledger.records.finishStaging(run.run_no);
          const batches = await ledger.writes.plan(run.run_no, 'create', 10, LIMIT);
          const planned = await writesOf(ledger, run);
          expect(planned.flatMap(({ seqs }) => seqs)).toEqual(upTo(lengths.length));
          expect(planned.map(({ batch }) => batch)).toEqual(upTo(batches));
          const bytesOf = (seq: number) => Buffer.byteLength(JSON.stringify(rows[seq - 1]?.record));
          for (const { seqs } of planned) {
            const bytes = seqs.map(bytesOf);
            const sum = bytes.reduce((a, b) => a + b, 0);
            expect(seqs.length).toBeLessThanOrEqual(10);
            expect(sum).toBeLessThanOrEqual(LIMIT + Math.max(...bytes));
          }
          // Small ones are batches of ten as ever.
          if (lengths.every((length) => length < 50)) expect(batches).toBe(Math.ceil(lengths.length / 10));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is repeatable, and two planners at the same moment plan once', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.records.stage(
      run.run_no,
      upTo(1_000).map((seq) => record(seq)),
    );
    const planned = await Promise.all(upTo(6).map(() => ledger.writes.plan(run.run_no, 'create', 100)));
    expect(planned).toEqual(upTo(6).map(() => 10));
    expect(await writesOf(ledger, run)).toHaveLength(10);
    expect(await ledger.writes.plan(run.run_no, 'create', 7)).toBe(10);
  });

  it('plans nothing where nothing is pending', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    expect(await ledger.writes.plan(run.run_no, 'create', 100)).toBe(0);
  });
});

describe('claims', () => {
  it('are won by one of many who try at the same moment; the others see its lease', async () => {
    const { run, id } = await firstOf(3);
    const claims = await inProcesses(20, (ledger) => ledger.writes.claim(claimOf(run, id)));
    expect(claims.filter(({ verdict }) => verdict === 'claimed')).toHaveLength(1);
    const leased = claims.flatMap((claim) =>
      'waitMs' in claim && claim.verdict === 'leased' ? [claim] : [],
    );
    expect(leased).toHaveLength(19);
    for (const { waitMs } of leased) {
      expect(waitMs).toBeGreaterThan(0);
      // One that had to wait for the winner's row had looked at the clock before him.
      expect(waitMs).toBeLessThan(25_000);
    }
  });

  it('take over a lease that has run out, with a higher fence and one answer more that is lost', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(3);
    expect(await claimed(ledger, run, id)).toMatchObject({ fence: 1, lostAnswers: 0 });
    await expire(id);
    expect(await claimed(ledger, run, id)).toMatchObject({ fence: 2, lostAnswers: 1 });
    await expire(id);
    const again = await Promise.all(upTo(10).map(() => ledger.writes.claim(claimOf(run, id))));
    expect(again.filter(({ verdict }) => verdict === 'claimed')).toMatchObject([
      { fence: 3, lostAnswers: 2 },
    ]);
  });

  it('hand out the records of the write, in the order of the source', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(3);
    expect(JSON.parse((await claimed(ledger, run, id)).payload)).toEqual([
      contact(1),
      contact(2),
      contact(3),
    ]);
  });

  it('refuse another payload than the one that may have been sent: other records, or other references', async () => {
    const { ledger, database } = opened();
    const { run, id } = await firstOf(3);
    const { fence } = await claimed(ledger, run, id);
    await ledger.writes.markUnanswered(id, fence);
    const renamed = (name: string) =>
      sql`update records set record = json_build_object('contactId', ${name}::text)
        where run_no = ${run.run_no} and seq = 2`.execute(database.db);
    const { rows } = await sql<{ record: string }>`
      select record::text from records where run_no = ${run.run_no} and seq = 2`.execute(database.db);
    await renamed('somebody else');
    await expect(ledger.writes.claim(claimOf(run, id))).rejects.toThrow(/another payload/);
    await sql`update records set record = ${rows[0]?.record}::json where run_no = ${run.run_no} and seq = 2`.execute(
      database.db,
    );
    await sql`update writes set refs = '{"halved": true}' where id = ${id}`.execute(database.db);
    await expect(ledger.writes.claim(claimOf(run, id))).rejects.toThrow(/another payload/);
    await sql`update writes set refs = null where id = ${id}`.execute(database.db);
    expect(await claimed(ledger, run, id)).toMatchObject({ fence: 2, lostAnswers: 1 });
  });

  it('do not hand out a write that has lost records, and leave it as it is', async () => {
    const { ledger, database } = opened();
    const { run, id } = await firstOf(3);
    await sql`delete from records where run_no = ${run.run_no} and seq = 3`.execute(database.db);
    const before = await rowOf(id);
    await expect(ledger.writes.claim(claimOf(run, id))).rejects.toThrow(/lost records/);
    expect(await rowOf(id)).toEqual(before);
  });

  it('that come together are judged one by one, and one that is wrong takes none of the others with it', async () => {
    const { ledger, database } = opened();
    const run = await plannedRun(ledger, 50, 10);
    const [settled, broken, leased, ...fresh] = (await writesOf(ledger, run)).map(({ id }) => id);
    const { fence } = await claimed(ledger, run, settled ?? '');
    await ledger.writes.settle(settlement(settled ?? '', fence, [group('created', upTo(10))]));
    await claimed(ledger, run, leased ?? '');
    await sql`delete from records where run_no = ${run.run_no} and seq = 11`.execute(database.db);
    const ids = [...fresh, leased ?? '', settled ?? '', broken ?? ''];
    const answers = await Promise.allSettled(ids.map((id) => ledger.writes.claim(claimOf(run, id))));
    const verdicts = answers.map((answer) =>
      answer.status === 'fulfilled' ? answer.value.verdict : 'error',
    );
    expect(verdicts).toEqual(['claimed', 'claimed', 'leased', 'settled', 'error']);
  });

  it('find nothing to do in what is settled, and nothing at all in another run', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(2);
    const { fence } = await claimed(ledger, run, id);
    await ledger.writes.settle(settlement(id, fence, [group('created', [1, 2])]));
    expect(await ledger.writes.claim(claimOf(run, id))).toEqual({ verdict: 'settled' });
    const stranger = await openRun(ledger);
    await expect(ledger.writes.claim(claimOf(stranger, id))).rejects.toThrow(/does not exist/);
  });
});

describe('a claim that is given back', () => {
  it('is open at once when CXone certainly did nothing, and remembers answers that were lost before', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(2);
    const first = await claimed(ledger, run, id);
    await ledger.writes.release(id, first.fence);
    expect(await rowOf(id)).toMatchObject({ state: 'planned', lost_answers: 0, lease_until: null });
    const second = await claimed(ledger, run, id);
    await ledger.writes.markUnanswered(id, second.fence);
    const third = await claimed(ledger, run, id);
    await ledger.writes.release(id, third.fence);
    expect(await rowOf(id)).toMatchObject({ state: 'unanswered', lost_answers: 1 });
  });

  it('changes nothing by whoever does not hold it any more', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(2);
    const old = await claimed(ledger, run, id);
    await expire(id);
    await claimed(ledger, run, id);
    const before = await rowOf(id);
    await ledger.writes.release(id, old.fence);
    await ledger.writes.markUnanswered(id, old.fence);
    expect(await ledger.writes.renew(id, old.fence, 99_000)).toBe(false);
    expect(await rowOf(id)).toEqual(before);
  });

  it('is kept longer by its holder only', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(2);
    const { fence } = await claimed(ledger, run, id, 1_000);
    expect(await ledger.writes.renew(id, fence, 60_000)).toBe(true);
    expect(await ledger.writes.remainingLeaseMs(run.run_no)).toBeGreaterThan(30_000);
  });
});

describe('settling', () => {
  it('writes outcomes, what is left to do, an audit entry and the CRM event together', async () => {
    const { ledger, database } = opened();
    const { run, id } = await firstOf(4);
    const { fence } = await claimed(ledger, run, id);
    const refs = { recordIds: { 3: 'r3' } };
    const settled = await ledger.writes.settle({
      ...settlement(id, fence, [
        { outcome: 'created', seqs: [1], evidence: 'e' },
        { outcome: 'rejected', seqs: [2], reasons: [{ code: 'X', field: 'f' }] },
      ]),
      derived: [
        { kind: 'update', seqs: [3], refs },
        { kind: 'create', seqs: [4] },
      ],
    });
    expect(settled).toBe(true);
    const counts = { total: 4, pending: 2, created: 1, rejected: 1 };
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
    const open = await writesOf(ledger, run);
    expect(open.map(({ kind, seqs, refs }) => ({ kind, seqs, refs }))).toEqual([
      { kind: 'update', seqs: [3], refs },
      { kind: 'create', seqs: [4], refs: null },
    ]);
    expect(await ledger.outbox.listUndelivered(run.run_no, 10)).toHaveLength(1);
    const audited = database.db
      .selectFrom('audit_pending')
      .selectAll()
      .where('run_id', '=', run.run_id)
      .where('action', '=', 'batch_settled');
    expect(await audited.execute()).toMatchObject([{ action: 'batch_settled', data: { status: 'success' } }]);
  });

  it('with an old fence touches nothing, and keeps the answer as a late one', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(2);
    const old = await claimed(ledger, run, id);
    await expire(id);
    const now = await claimed(ledger, run, id);
    expect(await ledger.writes.settle(settlement(id, old.fence, [group('created', [1, 2])]))).toBe(false);
    expect(await ledger.writes.settle(settlement(id, old.fence, [group('created', [1, 2])]))).toBe(false);
    expect(await rowOf(id)).toMatchObject({
      state: 'sending',
      fence: now.fence,
      late_answers: [{ fence: old.fence, httpStatus: 200 }, { fence: old.fence }],
    });
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 2, pending: 2 });
    expect(await ledger.outbox.listUndelivered(run.run_no, 10)).toEqual([]);
    expect(await ledger.writes.settle(settlement(id, now.fence, [group('existing', [1, 2])]))).toBe(true);
  });

  it('is done once of many with the same fence', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(2);
    const { fence } = await claimed(ledger, run, id);
    const settles = await inProcesses(8, (ledger) =>
      ledger.writes.settle(settlement(id, fence, [group('created', [1, 2])])),
    );
    expect(settles.filter(Boolean)).toHaveLength(1);
    expect(await ledger.runs.counts(run.run_no)).toEqual({ total: 2, pending: 0, created: 2 });
  });

  it('together with others is done for each by its own fence; one that is wrong takes none with it', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 40, 10);
    const ids = (await writesOf(ledger, run)).map(({ id }) => id);
    const [mine = '', lost = '', wrong = '', mixed = ''] = ids;
    const fences = await Promise.all(ids.map(async (id) => (await claimed(ledger, run, id)).fence));
    await expire(lost);
    await claimed(ledger, run, lost);
    const seqs = (from: number) => upTo(10).map((n) => n + from);
    const settled = await Promise.allSettled([
      ledger.writes.settle(settlement(mine, fences[0] ?? 0, [group('created', seqs(0))])),
      ledger.writes.settle(settlement(lost, 1, [group('created', seqs(10))])),
      ledger.writes.settle(settlement(lost, 2, [group('existing', seqs(10))])),
      ledger.writes.settle(settlement(wrong, 1, [group('created', seqs(21))])),
      ledger.writes.settle(
        settlement(mixed, 1, [group('created', [40, ...seqs(30).slice(0, 8)]), group('rejected', [39])]),
      ),
    ]);
    const answers = settled.map((each) => (each.status === 'fulfilled' ? each.value : 'error'));
    expect(answers).toEqual([true, false, true, 'error', true]);
    const counts = { total: 40, pending: 10, created: 19, existing: 10, rejected: 1 };
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
  });

  it('is still possible after the lease ran out, as long as nobody has taken it over', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(1);
    const { fence } = await claimed(ledger, run, id);
    await expire(id);
    expect(await ledger.writes.settle(settlement(id, fence, [group('created', [1])]))).toBe(true);
  });

  it('keeps what CXone says even where PostgreSQL could not: NUL and half characters', async () => {
    const { ledger } = opened();
    const { run, id } = await firstOf(1);
    const { fence } = await claimed(ledger, run, id);
    const reasons = [{ code: 'BAD\0', message: 'a\ud800b\udc00c 😀 \\u0000' }];
    await ledger.writes.settle(settlement(id, fence, [{ outcome: 'rejected', seqs: [1], reasons }]));
    for await (const row of ledger.records.list(run.run_no)) {
      expect(row.reasons).toEqual([{ code: 'BAD\ufffd', message: 'a\ufffdb\ufffdc 😀 \\u0000' }]);
    }
    expect(await ledger.records.countReasons(run.run_no)).toMatchObject([{ code: 'BAD\ufffd' }]);
  });

  it('accepts every partition of the records, and nothing else (property)', async () => {
    const { ledger } = opened();
    const { run } = await firstOf(2);
    const n = 6;
    const parts = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: n, maxLength: n });
    const damage = fc.constantFrom(
      'none',
      'left out',
      'twice',
      'foreign',
      'twice for another',
      'derived too',
    );
    await fc.assert(
      fc.asyncProperty(parts, damage, fc.integer({ min: 0, max: n - 1 }), async (part, how, at) => {
        const made = await plannedRun(ledger, 2 * n, n);
        const [write] = await writesOf(ledger, made);
        if (!write) throw new Error('nothing planned');
        const seqs = [...write.seqs];
        const other = seqs[(at + 1) % n] ?? 0;
        const broken = {
          none: seqs,
          'left out': seqs.filter((_, i) => i !== at),
          twice: [...seqs, seqs[at] ?? 0],
          foreign: [...seqs, 2 * n],
          'twice for another': seqs.map((seq, i) => (i === at ? other : seq)),
          'derived too': seqs,
        }[how];
        const inPart = (p: number) => broken.filter((_, i) => (part[i % n] ?? 0) === p);
        const groups: SettledGroup[] = [group('created', inPart(0)), group('existing', inPart(1))];
        const derived = [2, 3].map((p) => ({ kind: 'create', seqs: inPart(p) })).filter((d) => d.seqs.length);
        if (how === 'derived too') derived.push({ kind: 'create', seqs: [seqs[at] ?? 0] });
        const { fence } = await claimed(ledger, made, write.id);
        const before = await rowOf(write.id);
        const settle = ledger.writes.settle({ ...settlement(write.id, fence, groups), derived });
        if (how === 'none') {
          expect(await settle).toBe(true);
          const open = await writesOf(ledger, made);
          expect(open.flatMap((o) => [...o.seqs]).filter((seq) => seq <= n)).toHaveLength(
            derived.reduce((sum, d) => sum + d.seqs.length, 0),
          );
          return;
        }
        await expect(settle).rejects.toThrow(/does not account|duplicate key/);
        expect(await rowOf(write.id)).toEqual(before);
        expect((await ledger.runs.exactCounts(made.run_no)).pending).toBe(2 * n);
      }),
      { numRuns: 60 },
    );
    expect(run.state).toBe('running');
  });
});

describe('what is in doubt', () => {
  async function inDoubt(n = 3) {
    const { ledger } = opened();
    const { run, id } = await firstOf(n);
    const { fence } = await claimed(ledger, run, id);
    await ledger.writes.settle({
      ...settlement(id, fence, [group('in_doubt', upTo(n))]),
      state: 'in_doubt',
      latencyMs: null,
      httpStatus: null,
    });
    return { ledger, run, id };
  }

  it('is listed, and not open for claims', async () => {
    const { ledger, run, id } = await inDoubt();
    expect(await ledger.writes.listInDoubt(run.run_no)).toMatchObject([{ id, batch: 1, records: 3 }]);
    expect(await writesOf(ledger, run)).toEqual([]);
    expect(await ledger.writes.claim(claimOf(run, id))).toEqual({ verdict: 'settled' });
    expect(await ledger.writes.latencies(run.run_no)).toMatchObject({ requests: 0, averageMs: 0 });
  });

  it('opens again by a person’s word, for one more try', async () => {
    const { ledger, run, id } = await inDoubt();
    expect(await ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: id })).toBe(1);
    expect(await ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: id })).toBe(0);
    expect(await ledger.runs.counts(run.run_no)).toEqual({ total: 3, pending: 3 });
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 3, pending: 3 });
    expect(await claimed(ledger, run, id)).toMatchObject({ fence: 2, lostAnswers: 0 });
    expect(await ledger.writes.settle(settlement(id, 2, [group('created', [1, 2, 3])]))).toBe(true);
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 3, pending: 0, created: 3 });
  });

  it('remembers on the way that it may have been applied', async () => {
    const { ledger, run, id } = await inDoubt();
    await sql`update writes set refs = '{"halved": true}' where id = ${id}`.execute(opened().database.db);
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: null });
    expect(await rowOf(id)).toMatchObject({
      refs: { halved: true, resent: true },
      payload_sha256: null,
      state: 'planned',
    });
  });

  it('stays in doubt for good where a person leaves it', async () => {
    const { ledger, run, id } = await inDoubt();
    expect(await ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null })).toBe(1);
    expect(await ledger.writes.listInDoubt(run.run_no)).toEqual([]);
    expect(await ledger.writes.claim(claimOf(run, id))).toEqual({ verdict: 'settled' });
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 3, pending: 0, in_doubt: 3 });
  });

  it('is also a part, not sent yet, of a batch that may have been applied; not one of a batch that was refused', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 20, 10);
    const [halves, refused] = await writesOf(ledger, run);
    const inTwo = async (each: { id: string; seqs: readonly number[] } | undefined, refs?: unknown) => {
      const { id = '', seqs = [] } = each ?? {};
      const { fence } = await claimed(ledger, run, id);
      const parts = [seqs.slice(0, 5), seqs.slice(5)].map((part) => ({ kind: 'create', seqs: part, refs }));
      await ledger.writes.settle({ ...settlement(id, fence, []), derived: parts });
    };
    await inTwo(halves, { halved: true });
    await inTwo(refused);
    await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 20, pending: 10, in_doubt: 10 });
  });

  it('is what a cancelled run leaves unanswered, once; what is under a live lease is not touched', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 30, 10);
    const [lost, expired, live] = await writesOf(ledger, run);
    const claim = await claimed(ledger, run, lost?.id ?? '');
    await ledger.writes.markUnanswered(lost?.id ?? '', claim.fence);
    await claimed(ledger, run, expired?.id ?? '');
    await expire(expired?.id ?? '');
    await claimed(ledger, run, live?.id ?? '');
    await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
    await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
    const counts = { total: 30, pending: 10, in_doubt: 20 };
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual(counts);
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
    const late = settlement(expired?.id ?? '', 1, [group('created', expired?.seqs ?? [])]);
    expect(await ledger.writes.settle(late)).toBe(false);
  });
});
