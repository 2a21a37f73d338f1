import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { MAX_MILESTONES } from '../../src/ledger/runs/reports.ts';
import { contact, ledgerOfFile, newContact, openRun, plannedRun, record, someId } from './harness.ts';

const opened = ledgerOfFile();
const FROM = new Date('2026-03-01T10:00:00Z');

/** Inserts `n` settled writes of 100 records each, one every 10 ms. */
async function settled(n: number): Promise<{ runNo: number; runId: string }> {
  const { ledger, database } = opened();
  const { run_no: runNo, run_id: runId } = await openRun(ledger);
  await sql`
    insert into writes (run_no, batch, kind, state, seqs, attempts, lost_answers, http_status, latency_ms, sent_at,
      settled_at, counts)
    select ${runNo}, i, 'create', 'settled', array(select generate_series((i - 1) * 100 + 1, i * 100)),
      case when i % 1000 = 0 then 3 else 1 end, case when i % 1000 = 0 then 1 else 0 end, 200, i % 500,
      ${FROM}::timestamptz + (i - 1) * interval '10 milliseconds', ${FROM}::timestamptz + i * interval '10 milliseconds',
      '{"created": 90, "rejected": 10}'::json
    from generate_series(1, ${n}::int) i`.execute(database.db);
  return { runNo, runId };
}

describe('a report', () => {
  it('has about a hundred buckets for a million records, which contain all of them', async () => {
    const { reports } = opened().ledger;
    const { runNo } = await settled(10_000);
    const writing = await reports.writingPeriod(runNo);
    expect(writing).toEqual({ from: FROM, to: new Date(FROM.getTime() + 100_000) });
    const buckets = await reports.timeline(runNo, FROM, 1_000);
    expect(buckets).toHaveLength(101);
    const sum = (of: (bucket: (typeof buckets)[number]) => number) =>
      buckets.reduce((total, bucket) => total + of(bucket), 0);
    expect(sum(({ records }) => records)).toBe(1_000_000);
    expect(sum(({ successes }) => successes)).toBe(900_000);
    expect(sum(({ requests }) => requests)).toBe(10_000);
    expect(sum(({ repeats }) => repeats)).toBe(20);
    expect(buckets[1]).toMatchObject({ index: 1, records: 10_000, averageMs: 149.5 });
    expect(await reports.countRepeats(runNo)).toEqual({ repeats: 20, lostAnswers: 10 });
  });

  it('finds the times in which nothing was settled, except those that are common in the run', async () => {
    const { ledger, database } = opened();
    const { run_no: runNo } = await openRun(ledger);
    /** Seconds at which writes were settled, and how often each was tried. */
    const settle = (batch: number, second: number, attempts = 1) =>
      sql`
      insert into writes (run_no, batch, kind, state, seqs, attempts, sent_at, settled_at, counts)
      values (${runNo}, ${batch}, 'create', 'settled', ${[batch]}, ${attempts}, ${FROM},
        ${FROM}::timestamptz + ${second} * interval '1 second', '{"created": 1}')`.execute(database.db);
    for (const [i, second] of [1, 2, 3, 4, 34, 35].entries()) await settle(i + 1, second);
    await settle(7, 50, 2);
    await settle(8, 51);
    const at = (second: number) => new Date(FROM.getTime() + second * 1_000);
    expect(await ledger.reports.standstills(runNo, 10_000, 20)).toEqual([
      { from: at(4), to: at(34), isRepeated: false },
      { from: at(35), to: at(50), isRepeated: true },
    ]);
    expect(await ledger.reports.standstills(runNo, 10_000, 1)).toMatchObject([{ from: at(4) }]);
    const [bucket] = await ledger.reports.timeline(runNo, FROM, 60_000);
    expect(bucket, 'what nobody has answered is no request').toMatchObject({ records: 8, requests: 0 });
    const slow = (await openRun(ledger)).run_no;
    await sql`insert into writes (run_no, batch, kind, state, seqs, attempts, sent_at, settled_at, counts)
      select ${slow}, i, 'create', 'settled', array[i], 1, ${FROM}, ${FROM}::timestamptz + i * interval '12 seconds', '{}'
      from generate_series(1, 9) i`.execute(database.db);
    expect(await ledger.reports.standstills(slow, 10_000, 20), 'one request in 12 s is the rate').toEqual([]);
  });

  it('lists the slowest batches first', async () => {
    const { reports } = opened().ledger;
    const { runNo } = await settled(600);
    const slowest = await reports.slowest(runNo, 3);
    expect(slowest.map(({ batch, latencyMs }) => [batch, latencyMs])).toEqual([
      [499, 499],
      [498, 498],
      [497, 497],
    ]);
    expect(slowest[0]).toMatchObject({ kind: 'create', records: 100, attempts: 1, httpStatus: 200 });
  });

  it('has samples: the first records of the plan, in its order, whatever became of them', async () => {
    const { ledger, database } = opened();
    const { run_no: runNo } = await plannedRun(ledger, 30, 10);
    expect(await ledger.reports.samples(runNo, 3)).toEqual([1, 2, 3].map(contact));
    await sql`update writes set seqs = '{7,2,9,4}', state = 'settled' where run_no = ${runNo} and batch = 1`.execute(
      database.db,
    );
    expect(await ledger.reports.samples(runNo, 3)).toEqual([7, 2, 9].map(contact));
    expect(await ledger.reports.samples(runNo, 100)).toHaveLength(4);
  });

  it('has no erased records as samples', async () => {
    const { ledger } = opened();
    const contactId = newContact();
    const run = await openRun(ledger);
    const erased = record(2, {
      fields: { contactId },
      record: { ...contact(2), contactId },
      key1: contactId,
    });
    await ledger.records.stage(run.run_no, [record(1), erased, record(3)]);
    await ledger.records.finishStaging(run.run_no);
    await ledger.writes.plan(run.run_no, 'create', 3);
    await ledger.records.cancelPending(run.run_no, { code: 'cancelled' });
    const objectedAt = new Date().toISOString();
    await ledger.erasures.erase({
      ...{ erasureId: someId('erasure'), contactId, requestedBy: 'dana' },
      objectedAt,
    });
    expect(await ledger.reports.samples(run.run_no, 3)).toEqual([1, 3].map(contact));
  });

  it('is empty for a run that wrote nothing', async () => {
    const { ledger } = opened();
    const { run_no: runNo } = await openRun(ledger);
    expect(await ledger.reports.writingPeriod(runNo)).toBeNull();
    expect(await ledger.reports.samples(runNo, 5)).toEqual([]);
    expect(await ledger.reports.timeline(runNo, FROM, 1_000)).toEqual([]);
    expect(await ledger.reports.countRepeats(runNo)).toEqual({ repeats: 0, lostAnswers: 0 });
  });

  it('lists the milestones of the run in order, sealed or not, without the batches', async () => {
    const { ledger } = opened();
    const { run_id: runId } = await openRun(ledger);
    const add = (action: string, by?: string) => ledger.audit.add(runId, action, { ...(by && { by }) });
    for (const action of ['batch_settled', 'batch_settled']) await add(action);
    await add('pause', 'sam');
    await ledger.audit.seal();
    await add('resume', 'sam');
    await ledger.audit.add('another-run', 'cancel', {});
    const milestones = await ledger.reports.milestones(runId);
    expect(milestones.map(({ action }) => action)).toEqual(['run_opened', 'pause', 'resume']);
    expect(milestones[1]?.data).toEqual({ by: 'sam' });
  });

  it('lists the newest refused decisions first, sealed or not, however many milestones came before them', async () => {
    const { ledger, database } = opened();
    const { run_id: runId } = await openRun(ledger);
    const refuse = (by: string) => ledger.audit.add(runId, 'steering_refused', { by });
    await refuse('first');
    await sql`
      insert into audit_pending (run_id, action, data)
      select ${runId}, 'pause', '{}' from generate_series(1, ${MAX_MILESTONES}::int)`.execute(database.db);
    await refuse('sealed');
    await ledger.audit.seal();
    await refuse('last');
    await ledger.audit.add('another-run', 'steering_refused', {});
    const listBy = async (limit: number) =>
      (await ledger.reports.refusals(runId, limit)).map(({ data }) => (data as { by: string }).by);
    expect(await listBy(2)).toEqual(['last', 'sealed']);
    expect(await listBy(9)).toEqual(['last', 'sealed', 'first']);
  });
});
