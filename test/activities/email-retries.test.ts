/** Which messages are sent again, and when: the rules of the domain, applied to what the ledger knows. */
import { describe, expect, it } from 'vitest';
import { emailStand, people } from './email-sends.ts';

const { start, skipWaits, writes } = emailStand();

type Cxone = Awaited<ReturnType<typeof start>>;
type Run = Awaited<ReturnType<Cxone['sent']>>;

const HOUR_MS = 3_600_000;
/** Moments are rounded up to the next ten minutes. */
const STEP_MS = 600_000;

/** One message was sent. Nothing is reported of it but what the test adds. */
async function sendOne(input: { readonly watchEvents?: string } = {}) {
  const cxone = await start({ plan: { recipients: [{ does: 'nothing' }] } });
  await cxone.admin.change({ emailRecipientsInAnswer: true });
  return { cxone, run: await cxone.sent(people(1), { retryAfter: '6h', ...input }) };
}

/** The newest message to the first recipient bounces. */
async function bounce(cxone: Cxone, run: Run, code: string, at: Date): Promise<void> {
  const [job, email] = [(await cxone.jobs(run)).at(-1), (await cxone.admin.acceptedEmails()).at(-1)];
  const event = { eventType: 'bounce', messageId: email?.messageId, bounceCode: code, timestamp: at };
  await cxone.admin.addEmailEvents(job?.jobId ?? '', [event]);
  for (let pass = 1; pass <= 2; pass += 1) await cxone.trackOnce(run);
}

const planned = async (run: Run) => (await writes(run)).filter(({ state }) => state === 'planned');

describe('a bounced message', () => {
  it.each([
    ['soft, unknown', ['4.2.2', '5.3.0'], true],
    ['unknown, soft', ['5.3.0', '4.2.2'], true],
    ['unknown twice', ['5.3.0', '5.3.0'], false],
    ['soft three times', ['4.2.2', '4.2.2', '4.2.2'], false],
  ])('%s', async (_, codes, isRetried) => {
    const { cxone, run } = await sendOne();
    for (const [index, code] of codes.entries()) {
      if (index > 0) {
        expect(await planned(run)).toHaveLength(1);
        await skipWaits(run);
        await cxone.writeAll(run);
      }
      await bounce(cxone, run, code, new Date());
    }
    expect(await cxone.accepted()).toHaveLength(codes.length);
    expect(await planned(run)).toHaveLength(Number(isRetried));
  });
});

it('a complaint about the first of two delivered messages counts in the figures', async () => {
  const { cxone, run } = await sendOne({ watchEvents: '72h' });
  await bounce(cxone, run, '4.2.2', new Date());
  await skipWaits(run);
  await cxone.writeAll(run);
  const [[firstJob, secondJob], [first, second]] = [
    await cxone.jobs(run),
    await cxone.admin.acceptedEmails(),
  ];
  const add = (jobId: string | undefined, eventType: string, messageId: string | undefined) =>
    cxone.admin.addEmailEvents(jobId ?? '', [{ eventType, messageId, timestamp: new Date() }]);
  for (const eventType of ['delivery', 'complaint']) await add(firstJob?.jobId, eventType, first?.messageId);
  await add(secondJob?.jobId, 'delivery', second?.messageId);
  for (let pass = 1; pass <= 2; pass += 1) await cxone.trackOnce(run);
  expect(await cxone.end(run)).toMatchObject({
    counts: { sent: 1 },
    delivery: {
      sent: 1,
      delivered: 1,
      complained: 1,
      ofDelivered: { complained: 1 },
      rates: { complaint: 100 },
    },
  });
});

describe('the moment of a retry', () => {
  it.each([
    ['a bounce before the sending: from the sending', -5 * 24 * HOUR_MS],
    ['a bounce in the future: from when it is learned of', 5 * 24 * HOUR_MS],
  ])('%s', async (_, offsetMs) => {
    const before = Date.now();
    const { cxone, run } = await sendOne();
    await bounce(cxone, run, '4.2.2', new Date(Date.now() + offsetMs));
    const [retry] = await planned(run);
    const moment = Date.parse(retry?.notBefore ?? '');
    expect(moment).toBeGreaterThanOrEqual(before + 6 * HOUR_MS);
    expect(moment).toBeLessThanOrEqual(Date.now() + 6 * HOUR_MS + STEP_MS);
  });

  it('does not move with what happens after the bounce', async () => {
    const { cxone, run } = await sendOne();
    const [job] = await cxone.jobs(run);
    const [email] = await cxone.admin.acceptedEmails();
    const reply = { eventType: 'auto_reply', messageId: email?.messageId };
    const late = new Date(Date.now() + 24 * HOUR_MS);
    await cxone.admin.addEmailEvents(job?.jobId ?? '', [{ ...reply, timestamp: late }]);
    const bouncedAt = new Date((job?.submittedAt.getTime() ?? 0) + 1);
    await bounce(cxone, run, '4.2.2', bouncedAt);
    const [retry] = await planned(run);
    const expected = Math.ceil((bouncedAt.getTime() + 6 * HOUR_MS) / STEP_MS) * STEP_MS;
    expect(retry?.notBefore).toBe(new Date(expected).toISOString());
  });
});
