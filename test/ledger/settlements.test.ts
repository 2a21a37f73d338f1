import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { SettledGroup } from '../../src/ledger/writes/settlements.ts';
import { until } from '../harness/wait.ts';
import {
  claimed,
  claimOf,
  expireLease,
  group,
  inProcesses,
  ledgerOfFile,
  plannedRun,
  plannedWrite,
  readWrite,
  settlement,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();

describe('a settlement', () => {
  it('stores outcomes, derived writes, an audit entry and an event together', async () => {
    const { ledger, database } = opened();
    const { run, id } = await plannedWrite(ledger, 4);
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

  it('keeps the moment before which a derived write is not to be tried', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 3);
    const { fence } = await claimed(ledger, run, id);
    const [at, over] = ['9999-12-31T23:59:59.999Z', '2020-01-01T00:00:00.000Z'];
    await ledger.writes.settle({
      ...settlement(id, fence, []),
      derived: [
        { kind: 'update', seqs: [1], refs: { halved: true }, notBefore: at },
        { kind: 'update', seqs: [2], notBefore: at },
        { kind: 'update', seqs: [3], notBefore: over },
      ],
    });
    expect((await writesOf(ledger, run)).map(({ refs, notBefore }) => ({ refs, notBefore }))).toEqual([
      { refs: { halved: true, notBefore: at }, notBefore: at },
      { refs: { notBefore: at }, notBefore: at },
      { refs: { notBefore: over }, notBefore: null },
    ]);
  });

  it('under an old fence changes nothing, and its answer is kept as a late answer', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 2);
    const old = await claimed(ledger, run, id);
    await expireLease(opened(), id);
    const now = await claimed(ledger, run, id);
    expect(await ledger.writes.settle(settlement(id, old.fence, [group('created', [1, 2])]))).toBe(false);
    expect(await ledger.writes.settle(settlement(id, old.fence, [group('created', [1, 2])]))).toBe(false);
    expect(await readWrite(opened(), id)).toMatchObject({
      state: 'sending',
      fence: now.fence,
      late_answers: [{ fence: old.fence, httpStatus: 200 }, { fence: old.fence }],
    });
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 2, pending: 2 });
    expect(await ledger.outbox.listUndelivered(run.run_no, 10)).toEqual([]);
    expect(await ledger.writes.settle(settlement(id, now.fence, [group('existing', [1, 2])]))).toBe(true);
  });

  it('takes effect once when many have the same fence', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 2);
    const { fence } = await claimed(ledger, run, id);
    const settles = await inProcesses(opened(), 8, (ledger) =>
      ledger.writes.settle(settlement(id, fence, [group('created', [1, 2])])),
    );
    expect(settles.filter(Boolean)).toHaveLength(1);
    expect(await ledger.runs.counts(run.run_no)).toEqual({ total: 2, pending: 0, created: 2 });
  });

  it('that is combined with others depends on its own fence; one that fails does not fail the others', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 40, 10);
    const ids = (await writesOf(ledger, run)).map(({ id }) => id);
    const [mine = '', lost = '', wrong = '', mixed = ''] = ids;
    const fences = await Promise.all(ids.map(async (id) => (await claimed(ledger, run, id)).fence));
    await expireLease(opened(), lost);
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

  it('is still possible after the lease has expired, if the write was not claimed again', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 1);
    const { fence } = await claimed(ledger, run, id);
    await expireLease(opened(), id);
    expect(await ledger.writes.settle(settlement(id, fence, [group('created', [1])]))).toBe(true);
  });

  it('replaces characters in messages of CXone that PostgreSQL cannot store: NUL and lone surrogates', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 1);
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
        const before = await readWrite(opened(), write.id);
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
        expect(await readWrite(opened(), write.id)).toEqual(before);
        expect((await ledger.runs.exactCounts(made.run_no)).pending).toBe(2 * n);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a write in doubt', () => {
  async function inDoubt(n = 3) {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, n);
    const { fence } = await claimed(ledger, run, id);
    await ledger.writes.settle({
      ...settlement(id, fence, [group('in_doubt', upTo(n))]),
      state: 'in_doubt',
      latencyMs: null,
      httpStatus: null,
    });
    return { ledger, run, id };
  }

  it('is listed, and cannot be claimed', async () => {
    const { ledger, run, id } = await inDoubt();
    expect(await ledger.writes.listInDoubt(run.run_no)).toMatchObject([{ id, batch: 1, records: 3 }]);
    expect(await writesOf(ledger, run)).toEqual([]);
    expect(await ledger.writes.claim(claimOf(run, id))).toEqual({ verdict: 'settled' });
    expect(await ledger.metrics.ofRun(run.run_no)).toMatchObject({ requests: 0, latencyMs: 0 });
  });

  it('that is resolved with `resend` can be claimed for one more attempt', async () => {
    const { ledger, run, id } = await inDoubt();
    expect(await ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: id })).toBe(1);
    expect(await ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: id })).toBe(0);
    expect(await ledger.runs.counts(run.run_no)).toEqual({ total: 3, pending: 3 });
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 3, pending: 3 });
    expect(await claimed(ledger, run, id)).toMatchObject({ fence: 2, lostAnswers: 0 });
    expect(await ledger.writes.settle(settlement(id, 2, [group('created', [1, 2, 3])]))).toBe(true);
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 3, pending: 0, created: 3 });
  });

  it('that is resolved with `resend` remembers that it may have been applied', async () => {
    const { ledger, run, id } = await inDoubt();
    await sql`update writes set refs = '{"halved": true}' where id = ${id}`.execute(opened().database.db);
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: null });
    expect(await readWrite(opened(), id)).toMatchObject({
      refs: { halved: true, resent: true },
      payload_sha256: null,
      state: 'planned',
    });
  });

  it('that is resolved with `leave` stays in doubt for good', async () => {
    const { ledger, run, id } = await inDoubt();
    expect(await ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null })).toBe(1);
    expect(await ledger.writes.listInDoubt(run.run_no)).toEqual([]);
    expect(await ledger.writes.claim(claimOf(run, id))).toEqual({ verdict: 'settled' });
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 3, pending: 0, in_doubt: 3 });
  });

  it('keeps its state if the connection breaks while it is resolved together with others', async () => {
    const { ledger, database } = opened();
    const run = await plannedRun(ledger, 4, 2);
    const ids = (await writesOf(ledger, run)).map(({ id }) => id);
    const [answeredLate = '', blocked = ''] = ids;
    const { fence } = await claimed(ledger, run, answeredLate);
    await ledger.writes.markUnanswered(answeredLate, fence, 'lost');
    await ledger.writes.settle(settlement(answeredLate, fence, [group('created', [1, 2])]));
    await ledger.writes.markUnanswered(blocked, (await claimed(ledger, run, blocked)).fence, 'lost');
    await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
    const before = await Promise.all(ids.map((id) => readWrite(opened(), id)));
    await database.db.transaction().execute(async (tx) => {
      await sql`select from writes where id = ${blocked} for update`.execute(tx);
      const resolving = ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null });
      const broken = expect(resolving).rejects.toThrow();
      const killWaiting = async () => {
        const { rows } = await sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(database.db);
        return rows.length;
      };
      await until(killWaiting, (killed) => killed > 0);
      await broken;
    });
    expect(await Promise.all(ids.map((id) => readWrite(opened(), id)))).toEqual(before);
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 4, pending: 0, in_doubt: 4 });
    expect(await ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null })).toBe(2);
    expect(await ledger.runs.exactCounts(run.run_no)).toMatchObject({ created: 2, in_doubt: 2 });
  });

  it('includes planned parts of a batch that may have been applied, but not of one that was refused', async () => {
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

  it('is what an unanswered write becomes when its run is cancelled, unless its lease is still valid', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 30, 10);
    const [lost, expired, live] = await writesOf(ledger, run);
    const claim = await claimed(ledger, run, lost?.id ?? '');
    await ledger.writes.markUnanswered(lost?.id ?? '', claim.fence, 'lost');
    await claimed(ledger, run, expired?.id ?? '');
    await expireLease(opened(), expired?.id ?? '');
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
