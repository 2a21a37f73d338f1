import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { until } from '../harness/wait.ts';
import {
  claimed,
  claimOf,
  contact,
  expireLease,
  group,
  inProcesses,
  ledgerOfFile,
  openRun,
  plannedRun,
  plannedWrite,
  readWrite,
  record,
  settlement,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();

describe('planning', () => {
  it('divides exactly the pending records into batches of the given size, in the order of the source (property)', async () => {
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
            kind === 'duplicate'
              ? [{ seq: i + 1, outcome: 'duplicate' as const, reasons: [{ code: 'duplicate_in_source' }] }]
              : [],
          );
          await ledger.records.settleStaged(run.run_no, duplicateRows);
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

  it('makes smaller batches of large records: each has at most the limit plus one record (property)', async () => {
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
          const batches = await ledger.writes.plan(run.run_no, 'create', 10, { batchBytes: LIMIT });
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
          // Small records still make batches of ten.
          if (lengths.every((length) => length < 50)) expect(batches).toBe(Math.ceil(lengths.length / 10));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('changes nothing when it is repeated, and plans once when several plan at the same moment', async () => {
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

  it('plans nothing when no record is pending', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    expect(await ledger.writes.plan(run.run_no, 'create', 100)).toBe(0);
  });
});

describe('claims', () => {
  it('succeed for one of many at the same moment; the others meet its lease', async () => {
    const { run, id } = await plannedWrite(opened().ledger, 3);
    const claims = await inProcesses(opened(), 20, (ledger) => ledger.writes.claim(claimOf(run, id)));
    expect(claims.filter(({ verdict }) => verdict === 'claimed')).toHaveLength(1);
    const leased = claims.flatMap((claim) =>
      'waitMs' in claim && claim.verdict === 'leased' ? [claim] : [],
    );
    expect(leased).toHaveLength(19);
    for (const { waitMs } of leased) {
      expect(waitMs).toBeGreaterThan(0);
      // A claim that had to wait for the row of the first one has read the clock before it.
      expect(waitMs).toBeLessThan(25_000);
    }
  });

  it('take over an expired lease, with a higher fence and one more lost answer', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 3);
    expect(await claimed(ledger, run, id)).toMatchObject({ fence: 1, lostAnswers: 0 });
    await expireLease(opened(), id);
    expect(await claimed(ledger, run, id)).toMatchObject({ fence: 2, lostAnswers: 1 });
    await expireLease(opened(), id);
    const again = await Promise.all(upTo(10).map(() => ledger.writes.claim(claimOf(run, id))));
    expect(again.filter(({ verdict }) => verdict === 'claimed')).toMatchObject([
      { fence: 3, lostAnswers: 2 },
    ]);
  });

  it('know whether a request of an expired lease has left', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 3);
    const first = await claimed(ledger, run, id);
    await expireLease(opened(), id);
    const second = await claimed(ledger, run, id);
    const isKnown = async () => (await readWrite(opened(), id)).known_sent;
    expect([second.lostAnswers, await isKnown()], 'no mark').toEqual([1, false]);
    await ledger.writes.markSent([{ id, fence: first.fence }]);
    await expireLease(opened(), id);
    const third = await claimed(ledger, run, id);
    expect([third.lostAnswers, await isKnown()], 'a mark under an old fence').toEqual([2, false]);
    await ledger.writes.markSent([{ id, fence: third.fence }]);
    await ledger.writes.release(id, third.fence, 'refused');
    const fourth = await claimed(ledger, run, id);
    expect(await isKnown(), 'a request that was certainly not applied').toBe(false);
    await ledger.writes.markSent([{ id, fence: fourth.fence }]);
    await expireLease(opened(), id);
    expect([(await claimed(ledger, run, id)).lostAnswers, await isKnown()]).toEqual([3, true]);
  });

  it('are marked as sent without waiting for a transaction that changes them', async () => {
    const { ledger, database } = opened();
    const { run, id } = await plannedWrite(ledger, 3);
    const { fence } = await claimed(ledger, run, id);
    await database.db.transaction().execute(async (tx) => {
      await sql`select from writes where id = ${id} for update`.execute(tx);
      await ledger.writes.markSent([{ id, fence }]);
    });
    expect(await readWrite(opened(), id)).toMatchObject({ sent_fence: null });
    await ledger.writes.markSent([{ id, fence }]);
    expect(await readWrite(opened(), id)).toMatchObject({ sent_fence: fence });
  });

  it('return the records of the write, in the order of the source', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 3);
    expect(JSON.parse((await claimed(ledger, run, id)).payload)).toEqual([
      contact(1),
      contact(2),
      contact(3),
    ]);
  });

  it('reject a payload that differs from the one that may have been sent, in its records or its refs', async () => {
    const { ledger, database } = opened();
    const { run, id } = await plannedWrite(ledger, 3);
    const { fence } = await claimed(ledger, run, id);
    await ledger.writes.markUnanswered(id, fence, 'lost');
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

  it('reject a write that has lost records, and do not change it', async () => {
    const { ledger, database } = opened();
    const { run, id } = await plannedWrite(ledger, 3);
    await sql`delete from records where run_no = ${run.run_no} and seq = 3`.execute(database.db);
    const before = await readWrite(opened(), id);
    await expect(ledger.writes.claim(claimOf(run, id))).rejects.toThrow(/lost records/);
    expect(await readWrite(opened(), id)).toEqual(before);
  });

  it('that are combined get a verdict each, and one that fails does not fail the others', async () => {
    const { ledger, database } = opened();
    const run = await plannedRun(ledger, 50, 10);
    const [settled, broken, leased, ...fresh] = (await writesOf(ledger, run)).map(({ id }) => id);
    const { fence } = await claimed(ledger, run, settled ?? '');
    await ledger.writes.settle(settlement(settled ?? '', fence, [group('created', upTo(10))]));
    await claimed(ledger, run, leased ?? '');
    await sql`delete from records where run_no = ${run.run_no} and seq = 11`.execute(database.db);
    const ids = [...fresh, leased ?? '', settled ?? '', broken ?? ''];
    // PostgreSQL reports the error of the combined claim before it has released the locks of that claim. Until then it
    // calls the fresh writes leased, for half a second.
    const claimUnlocked = (id: string) =>
      until(
        () => ledger.writes.claim(claimOf(run, id)),
        (answer) => answer.verdict !== 'leased' || answer.waitMs > 500,
      );
    const answers = await Promise.allSettled(ids.map(claimUnlocked));
    const verdicts = answers.map((answer) =>
      answer.status === 'fulfilled' ? answer.value.verdict : 'error',
    );
    expect(verdicts).toEqual(['claimed', 'claimed', 'leased', 'settled', 'error']);
  });

  it('report a settled write as settled, and reject a write of another run', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 2);
    const { fence } = await claimed(ledger, run, id);
    await ledger.writes.settle(settlement(id, fence, [group('created', [1, 2])]));
    expect(await ledger.writes.claim(claimOf(run, id))).toEqual({ verdict: 'settled' });
    const stranger = await openRun(ledger);
    await expect(ledger.writes.claim(claimOf(stranger, id))).rejects.toThrow(/does not exist/);
  });
});

describe('a claimed write', () => {
  it('that is released can be claimed at once, and remembers answers that were lost before', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 2);
    const first = await claimed(ledger, run, id);
    await ledger.writes.release(id, first.fence);
    expect(await readWrite(opened(), id)).toMatchObject({
      state: 'planned',
      lost_answers: 0,
      lease_until: null,
    });
    const second = await claimed(ledger, run, id);
    await ledger.writes.markUnanswered(id, second.fence, 'lost');
    const third = await claimed(ledger, run, id);
    await ledger.writes.release(id, third.fence);
    expect(await readWrite(opened(), id)).toMatchObject({ state: 'unanswered', lost_answers: 1 });
  });

  it('is not changed under an old fence', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 2);
    const old = await claimed(ledger, run, id);
    await expireLease(opened(), id);
    await claimed(ledger, run, id);
    const before = await readWrite(opened(), id);
    await ledger.writes.release(id, old.fence);
    await ledger.writes.markUnanswered(id, old.fence, 'lost');
    expect(await ledger.writes.renew(id, old.fence, 99_000)).toBe(false);
    expect(await readWrite(opened(), id)).toEqual(before);
  });

  it('gets a longer lease when it is renewed', async () => {
    const { ledger } = opened();
    const { run, id } = await plannedWrite(ledger, 2);
    const { fence } = await claimed(ledger, run, id, 1_000);
    expect(await ledger.writes.renew(id, fence, 60_000)).toBe(true);
    expect(await ledger.writes.remainingLeaseMs(run.run_no)).toBeGreaterThan(30_000);
  });
});
