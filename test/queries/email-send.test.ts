/** What became of the messages of an email send, read from a fake ledger. */
import { describe, expect, it } from 'vitest';
import { deliveryFigures, NO_DELIVERY_COUNTS } from '../../src/domain/email-send/figures.ts';
import type { EventBucket, EventPeriod } from '../../src/ledger/emails/messages.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { readEmailDelivery } from '../../src/queries/email-send.ts';
import { fakeRun } from '../harness/fake-run.ts';

const FROM = new Date('2026-03-01T10:00:00Z');
const later = (seconds: number) => new Date(FROM.getTime() + seconds * 1_000);

const JOB = {
  ...{
    jobId: 'j1',
    writeId: '12',
    batch: 1,
    attempt: 1,
    submittedAt: FROM,
    recipients: 3,
    status: 'completed',
  },
  ...{ polls: 3, finalAt: later(4), spamScore: 0.4, endedAt: later(5), endedHow: 'completed' },
};

function fakeLedger(
  jobs: readonly object[],
  buckets: readonly EventBucket[] = [],
  asked: EventPeriod[] = [],
): Ledger {
  const tally = (state: string, n: number) => ({ messages: [{ state, counts: null }], n });
  return {
    runs: {
      listIds: (beginning: string) => Promise.resolve([`${beginning}ds_1`]),
      find: (runId: string) => Promise.resolve(fakeRun({ run_id: runId, state: 'failed' })),
    },
    emails: {
      jobs: () => Promise.resolve(jobs),
      tallies: () => Promise.resolve([tally('accepted', 2), tally('failed', 1)]),
      figures: () =>
        Promise.resolve({
          attempts: [3, 1],
          unmatched: [{ type: 'bounce', n: 2 }],
          optOuts: { handedOver: 2, waiting: 1 },
          groups: [
            { outcome: 'sent', state: 'accepted', bounceClass: null, n: 2 },
            { outcome: 'pending', state: 'bounced', bounceClass: 'soft', n: 1 },
          ],
        }),
      eventTimeline: (_: number, period: EventPeriod) => {
        asked.push(period);
        return Promise.resolve(buckets);
      },
    },
  } as unknown as Ledger;
}

const RUN = fakeRun({ kind: 'emailSend', finished_at: later(10) });

describe('what became of the messages', () => {
  it('is nothing before anything was sent', async () => {
    expect(await readEmailDelivery(fakeLedger([]), RUN)).toBeNull();
  });

  it('is counted while the run works', async () => {
    const open = { ...JOB, jobId: 'j2', finalAt: null, endedAt: null, endedHow: null };
    const delivery = await readEmailDelivery(fakeLedger([JOB, open]), RUN);
    expect(delivery).toMatchObject({
      figures: { sent: 3, accepted: 2, failed: 1 },
      ...{ toBeSentAgain: 1, attempts: [3, 1], openJobs: 1, unmatched: [{ type: 'bounce', n: 2 }] },
      jobs: [
        { jobId: 'j1', latencyMs: 4_000, endedHow: 'completed' },
        { jobId: 'j2', latencyMs: null, endedHow: null },
      ],
    });
    expect(delivery?.jobs[0]).not.toHaveProperty('writeId');
  });

  it('names the preference updates that have the opt-outs, and how they ended', async () => {
    const delivery = await readEmailDelivery(fakeLedger([JOB]), RUN);
    expect(delivery?.optOuts).toEqual({
      ...{ handedOver: 2, waiting: 1 },
      runs: [{ runId: `${RUN.run_id}.opt-outs-ds_1`, state: 'failed' }],
    });
  });

  it('is that of the result once the run has ended, also when its messages were purged', async () => {
    const result = { delivery: deliveryFigures({ ...NO_DELIVERY_COUNTS, delivered: 7 }) };
    const delivery = await readEmailDelivery(fakeLedger([]), { ...RUN, result });
    expect(delivery).toMatchObject({ figures: { sent: 7, delivered: 7 }, jobs: [], timeline: null });
  });

  it('adds events up over time, by what they are and not by their name', async () => {
    const asked: EventPeriod[] = [];
    const buckets = [
      { index: 0, type: 'delivery', n: 2 },
      { index: 1, type: 'DELIVERED', n: 1 },
      { index: 1, type: 'bounce', n: 4 },
      { index: 1, type: 'open', n: 9 },
    ];
    const delivery = await readEmailDelivery(fakeLedger([JOB], buckets, asked), RUN);
    const [period] = asked;
    expect(period).toMatchObject({ from: FROM });
    expect((period?.buckets ?? 0) * (period?.widthMs ?? 0)).toBeGreaterThanOrEqual(10_000);
    const points = delivery?.timeline?.points ?? [];
    expect(points[0]).toMatchObject({ delivered: 2, bounced: 0 });
    expect(points.at(-1)).toMatchObject({ delivered: 3, bounced: 4 });
    expect(points).toHaveLength(period?.buckets ?? 0);
  });
});
