/** Retries: a recipient whose message bounced is pending again, and everything keeps adding up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RETRIED_CLASSES } from '../../src/domain/email-send/retry.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import {
  bounceAll,
  emailRun,
  event,
  expectAddsUp,
  mailbox,
  NOT_BEFORE,
  page,
  retry,
  sendAll,
  sendWrite,
  sentRun,
} from './emails.harness.ts';
import {
  claimed,
  expireLease,
  group,
  inProcesses,
  ledgerOfFile,
  readWrite,
  settlement,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();
const EVERYBODY = { bounceClasses: RETRIED_CLASSES, lastAttempt: 2, afterSeq: 0, limit: 100 };
const PAST = '2026-11-01T00:00:00.000Z';

/** A run of `n` recipients who have all bounced once. */
async function bouncedRun(n: number, size = 100): Promise<Run> {
  const { ledger } = opened();
  const run = await emailRun(ledger, n, size);
  for (const jobId of await sendAll(ledger, run)) await bounceAll(ledger, run, jobId, upTo(n));
  return run;
}

const listed = async (run: Run) =>
  (await opened().ledger.emails.listRetryable(run.run_no, EVERYBODY)).map(({ seq }) => seq);

describe('messages that may be retried', () => {
  it('have bounced in one of the classes, and are not beyond its last attempt', async () => {
    const { ledger } = opened();
    const run = await bouncedRun(3);
    expect(await listed(run)).toEqual([1, 2, 3]);
    const page2 = { ...EVERYBODY, afterSeq: 1, limit: 1 };
    expect(await ledger.emails.listRetryable(run.run_no, page2)).toMatchObject([
      { seq: 2, attempt: 1, bounces: ['soft'], submittedAt: new Date('2026-11-29T10:00:00Z') },
    ]);
    for (const none of [{ bounceClasses: ['hard'] }, { lastAttempt: 0 }])
      expect(await ledger.emails.listRetryable(run.run_no, { ...EVERYBODY, ...none })).toEqual([]);
  });

  it('come with the bounces of all messages so far, unless one of them was answered after all', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 3);
    await bounceAll(ledger, run, jobId, upTo(3));
    await ledger.emails.planRetries(
      run.run_no,
      upTo(3).map((seq) => retry(seq, 1, PAST)),
    );
    const [second = ''] = await sendAll(ledger, run);
    await bounceAll(ledger, run, second, upTo(3));
    const late = [event('delivery', { mailbox: mailbox(1) }), event('complaint', { mailbox: mailbox(2) })];
    await ledger.emails.saveEvents(run.run_no, jobId, page(late));
    expect(await ledger.emails.listRetryable(run.run_no, EVERYBODY)).toMatchObject([
      { seq: 3, attempt: 2, bounces: ['soft', 'soft'] },
    ]);
  });

  it('are not of somebody who has complained, was delivered after all, or is retried already', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 4);
    await bounceAll(ledger, run, jobId, upTo(4));
    const more = [event('complaint', { mailbox: mailbox(1) }), event('delivery', { mailbox: mailbox(2) })];
    await ledger.emails.saveEvents(run.run_no, jobId, page(more));
    await ledger.emails.planRetries(run.run_no, [retry(3)]);
    expect(await listed(run)).toEqual([4]);
  });
});

describe('planned retries', () => {
  it('make records pending in new writes of their batches, which wait for their moment', async () => {
    const { ledger } = opened();
    const run = await bouncedRun(4, 2);
    const later = '2026-11-29T18:00:00.000Z';
    const retries = [retry(1), retry(2), retry(3), retry(4, 1, later)];
    expect(await ledger.emails.planRetries(run.run_no, retries)).toBe(4);
    const open = (await writesOf(ledger, run)).map(({ batch, kind, seqs, refs }) => ({
      batch,
      kind,
      seqs,
      refs,
    }));
    expect(open).toEqual([
      { batch: 1, kind: 'check', seqs: [1, 2], refs: { notBefore: NOT_BEFORE } },
      { batch: 2, kind: 'check', seqs: [3], refs: { notBefore: NOT_BEFORE } },
      { batch: 2, kind: 'check', seqs: [4], refs: { notBefore: later } },
    ]);
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 4, pending: 4 });
    const figures = await ledger.emails.figures(run.run_no);
    expect(figures.groups).toEqual([{ outcome: 'pending', state: 'bounced', bounceClass: 'soft', n: 4 }]);
  });

  it('are planned once, by however many', async () => {
    const { ledger } = opened();
    const run = await bouncedRun(12, 3);
    const planned = await inProcesses(opened(), 8, (other) =>
      other.emails.planRetries(
        run.run_no,
        upTo(12).map((seq) => retry(seq)),
      ),
    );
    expect(planned.reduce((sum, n) => sum + n, 0)).toBe(12);
    expect(await ledger.emails.planRetries(run.run_no, [retry(1), retry(1)])).toBe(0);
    expect(await writesOf(ledger, run)).toHaveLength(4);
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 12, pending: 12 });
  });

  it('are left out for another attempt, and for whoever is not `sent`', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 2, 1);
    const [first, second] = await writesOf(ledger, run);
    if (!first || !second) throw new Error('nothing was planned');
    await sendWrite(ledger, run, first);
    expect(await ledger.emails.planRetries(run.run_no, [retry(1, 2), retry(2)])).toBe(0);
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 2, pending: 1, sent: 1 });
  });

  it('lead to another message, and the newest that was delivered counts', async () => {
    const { ledger } = opened();
    const run = await bouncedRun(3);
    await ledger.emails.planRetries(run.run_no, [retry(1, 1, PAST), retry(2, 1, PAST)]);
    const [job = ''] = await sendAll(ledger, run);
    expect(await ledger.emails.jobs(run.run_no)).toMatchObject([
      { attempt: 1 },
      { attempt: 2, recipients: 2 },
    ]);
    const counts = { total: 3, pending: 0, sent: 3 };
    expect(await expectAddsUp(opened(), run)).toEqual(counts);
    await ledger.emails.saveEvents(run.run_no, job, page([event('delivery', { mailbox: mailbox(1) })]));
    const { groups, recipients, attempts } = await ledger.emails.figures(run.run_no);
    expect({ recipients, attempts }).toEqual({ recipients: 3, attempts: [3, 2] });
    expect(groups).toEqual([
      { outcome: 'sent', state: 'accepted', bounceClass: null, n: 1 },
      { outcome: 'sent', state: 'bounced', bounceClass: 'soft', n: 1 },
      { outcome: 'sent', state: 'delivered', bounceClass: null, n: 1 },
    ]);
    const [first] = await ledger.emails.timeline(run.run_no, 1);
    await ledger.emails.saveEvents(
      run.run_no,
      first?.job.jobId ?? '',
      page([event('delivery', { mailbox: mailbox(2) })]),
    );
    expect((await ledger.emails.figures(run.run_no)).groups).toContainEqual({
      ...{ outcome: 'sent', state: 'delivered', bounceClass: null, n: 2 },
    });
    expect(await listed(run)).toEqual([3]);
  });

  it('that are withheld leave their recipients `sent`, and are not planned once more', async () => {
    const { ledger } = opened();
    const run = await bouncedRun(2);
    await ledger.emails.planRetries(run.run_no, [retry(1, 1, PAST), retry(2, 1, PAST)]);
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    await ledger.writes.settle({
      ...settlement(write?.id ?? '', fence, []),
      groups: [
        { outcome: 'sent', seqs: [1, 2], reasons: [{ code: 'suppressed' }], evidence: 'retry_withheld' },
      ],
    });
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 2, pending: 0, sent: 2 });
    expect(await ledger.emails.planRetries(run.run_no, [retry(1), retry(2)])).toBe(0);
    expect(await listed(run)).toEqual([]);
    expect(await ledger.emails.figures(run.run_no)).toMatchObject({ recipients: 2, attempts: [2] });
  });

  it('end like other writes when the run is cancelled: in doubt if sent, otherwise as before', async () => {
    const { ledger } = opened();
    const run = await bouncedRun(4, 1);
    await ledger.emails.planRetries(
      run.run_no,
      upTo(3).map((seq) => retry(seq, 1, PAST)),
    );
    const [first, second] = await writesOf(ledger, run);
    await claimed(ledger, run, first?.id ?? '');
    await expireLease(opened(), first?.id ?? '');
    const { fence } = await claimed(ledger, run, second?.id ?? '');
    await ledger.writes.settle({ ...settlement(second?.id ?? '', fence, [group('suppressed', [2])]) });
    await ledger.runs.steer(run.run_no, 'stopped');
    await ledger.writes.markInDoubt(run.run_no, { code: 'cancelled' });
    expect(await ledger.emails.dropRetries(run.run_no)).toBe(1);
    await ledger.records.cancelPending(run.run_no, { code: 'cancelled' });
    const counts = { total: 4, pending: 0, in_doubt: 1, suppressed: 1, sent: 2 };
    expect(await expectAddsUp(opened(), run)).toEqual(counts);
    expect(await writesOf(ledger, run)).toEqual([]);
  });
});

describe('dropped retries', () => {
  it('give the records back the outcome that they had, and may be planned again', async () => {
    const { ledger, database } = opened();
    const run = await bouncedRun(3);
    const outcomes = () =>
      database.db
        .selectFrom('outcomes')
        .selectAll()
        .where('run_no', '=', run.run_no)
        .orderBy('seq')
        .execute();
    await database.db
      .updateTable('outcomes')
      .set({ evidence: 'late_answer', cxone_id: 'x', reasons: '[{"code": "y"}]' })
      .where('run_no', '=', run.run_no)
      .where('seq', '=', 1)
      .execute();
    const before = await outcomes();
    const writeId = before[0]?.write_id ?? '';
    const counts = (await readWrite(opened(), writeId)).counts;
    await ledger.emails.planRetries(run.run_no, [retry(1), retry(3)]);
    expect((await readWrite(opened(), writeId)).counts).toEqual({ sent: 1 });
    const dropped = await inProcesses(opened(), 4, (other) => other.emails.dropRetries(run.run_no));
    expect(dropped.sort()).toEqual([0, 0, 0, 2]);
    expect(await outcomes()).toEqual(before);
    expect((await readWrite(opened(), writeId)).counts).toEqual(counts);
    expect(await writesOf(ledger, run)).toEqual([]);
    expect(await listed(run)).toEqual([1, 2, 3]);
    expect(await ledger.emails.planRetries(run.run_no, [retry(1)])).toBe(1);
  });

  it('leave the number of claims of the run as it is', async () => {
    const { ledger } = opened();
    const run = await bouncedRun(2);
    await ledger.emails.planRetries(run.run_no, [retry(1, 1, PAST)]);
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    await ledger.writes.release(write?.id ?? '', fence);
    const before = await ledger.writes.countClaims(run.run_no, { fromBatch: 1, toBatch: 1 });
    expect(await ledger.emails.dropRetries(run.run_no)).toBe(1);
    expect(await writesOf(ledger, run)).toEqual([]);
    const { ofRun, ofBatches } = await ledger.writes.countClaims(run.run_no, { fromBatch: 1, toBatch: 1 });
    expect({ ofRun, ofBatches }).toEqual({ ofRun: before.ofRun, ofBatches: before.ofBatches });
  });

  it('leave first messages alone', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 4, 2);
    expect(await ledger.emails.dropRetries(run.run_no)).toBe(0);
    expect(await writesOf(ledger, run)).toHaveLength(2);
  });
});

type Step = 'bounce' | 'plan' | 'drop' | 'send' | 'resend' | 'deliver';

describe('conservation', () => {
  it('holds after every step, wherever a process is killed before its commit', async () => {
    const step = fc.constantFrom<Step>('bounce', 'plan', 'drop', 'send', 'resend', 'deliver');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ step, seqs: fc.subarray(upTo(6)), kill: fc.boolean() }), { maxLength: 14 }),
        async (steps) => {
          const run = await emailRun(opened().ledger, 6, 2);
          await sendAll(opened().ledger, run);
          for (const each of steps) {
            const attempt = () => perform(run, each.step, each.seqs);
            if (each.kill) await killed(run, each.step, each.seqs);
            await attempt();
            const counts = await expectAddsUp(opened(), run);
            expect(counts.pending + (counts.sent ?? 0)).toBe(6);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

/** The transaction is never committed. */
async function killed(run: Run, step: Step, seqs: readonly number[]): Promise<void> {
  const dying = openLedger(opened().url, 1, {
    beforeCommit: () => {
      throw new Error('killed');
    },
  });
  await perform(run, step, seqs, dying).catch((error: unknown) => {
    expect(String(error)).toContain('killed');
  });
  await dying.close().catch(() => undefined);
  await expectAddsUp(opened(), run);
}

async function perform(
  run: Run,
  step: Step,
  seqs: readonly number[],
  ledger = opened().ledger,
): Promise<void> {
  const newest = new Map<number, { attempt: number; jobId: string }>();
  for (const seq of seqs) {
    const last = (await opened().ledger.emails.timeline(run.run_no, seq)).at(-1);
    if (last) newest.set(seq, { attempt: last.attempt, jobId: last.job.jobId });
  }
  if (step === 'plan') {
    const retries = [...newest].map(([seq, { attempt }]) => retry(seq, attempt, PAST));
    await ledger.emails.planRetries(run.run_no, retries);
  } else if (step === 'drop') await ledger.emails.dropRetries(run.run_no);
  else if (step === 'bounce' || step === 'deliver') {
    const type = step === 'bounce' ? 'bounce' : 'delivery';
    for (const [seq, { jobId }] of newest)
      await ledger.emails.saveEvents(run.run_no, jobId, page([event(type, { mailbox: mailbox(seq) })]));
  } else {
    const [write] = await writesOf(opened().ledger, run);
    if (write && write.state === 'planned') await sendWrite(ledger, run, write);
  }
}
