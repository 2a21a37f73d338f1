/** The daily limit of emails: whatever several writes do at once, they never exceed it together. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emailRun } from './emails.harness.ts';
import { inProcesses, ledgerOfFile, someId, writesOf } from './harness.ts';

const opened = ledgerOfFile();
const DAY = '2026-11-29';
const NEXT = '2026-11-30';
const NOT_A_WRITE = '999999999999';

/** Ids of writes. */
async function someWrites(n: number): Promise<string[]> {
  const { ledger } = opened();
  return (await writesOf(ledger, await emailRun(ledger, n, 1))).map(({ id }) => id);
}

describe('a reservation of emails', () => {
  it('is granted as long as it fits, and refused with what is left', async () => {
    const { emailQuota } = opened().ledger;
    const [a = '', b = ''] = await someWrites(2);
    const of = { tenant: someId('tenant'), day: DAY, limit: 10 };
    expect(await emailQuota.reserve({ ...of, writeId: a, n: 7 })).toEqual({ granted: true, room: 10 });
    expect(await emailQuota.reserve({ ...of, writeId: b, n: 4 })).toEqual({ granted: false, room: 3 });
    expect(await emailQuota.used(of.tenant, DAY)).toBe(7);
    expect(await emailQuota.reserve({ ...of, writeId: b, n: 3 })).toEqual({ granted: true, room: 3 });
    expect(await emailQuota.reserve({ ...of, limit: 5, writeId: a, n: 1 })).toEqual({
      granted: true,
      room: 2,
    });
    expect(await emailQuota.reserve({ ...of, limit: 2, writeId: a, n: 1 })).toEqual({
      granted: false,
      room: 0,
    });
    expect(await emailQuota.used(someId('other'), DAY)).toBe(0);
  });

  it('of a write is replaced by its next one, of whatever day', async () => {
    const { emailQuota } = opened().ledger;
    const [writeId = ''] = await someWrites(1);
    const of = { tenant: someId('tenant'), limit: 10, writeId };
    for (const n of [5, 5, 8]) await emailQuota.reserve({ ...of, day: DAY, n });
    expect(await emailQuota.used(of.tenant, DAY)).toBe(8);
    await emailQuota.reserve({ ...of, day: NEXT, n: 6 });
    expect([await emailQuota.used(of.tenant, DAY), await emailQuota.used(of.tenant, NEXT)]).toEqual([0, 6]);
  });

  it('becomes what CXone has accepted, and is free again where that is nothing', async () => {
    const { emailQuota } = opened().ledger;
    const [a = '', b = '', unknown = ''] = await someWrites(3);
    const of = { tenant: someId('tenant'), day: DAY, limit: 10 };
    await emailQuota.reserve({ ...of, writeId: a, n: 4 });
    await emailQuota.reserve({ ...of, writeId: b, n: 6 });
    for (const n of [3, 3]) await emailQuota.settle(a, n);
    await emailQuota.settle(b, 7);
    await emailQuota.settle(unknown, 7);
    expect(await emailQuota.used(of.tenant, DAY)).toBe(9);
    for (const n of [0, 0]) await emailQuota.settle(b, n);
    expect(await emailQuota.used(of.tenant, DAY)).toBe(3);
  });

  it('ends with its write', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 1);
    const [write] = await writesOf(ledger, run);
    const of = { tenant: someId('tenant'), day: DAY, limit: 10 };
    await ledger.emailQuota.reserve({ ...of, writeId: write?.id ?? '', n: 4 });
    expect(await ledger.writes.unplan(run.run_no)).toBe(true);
    expect(await ledger.emailQuota.used(of.tenant, DAY)).toBe(0);
  });

  it('grants what arrives at once in turn, and what is wrong fails alone', async () => {
    const { emailQuota } = opened().ledger;
    const of = { tenant: someId('tenant'), day: DAY, limit: 10 };
    const writes = await someWrites(8);
    const answers = await Promise.allSettled(
      [NOT_A_WRITE, ...writes].map((writeId) => emailQuota.reserve({ ...of, writeId, n: 3 })),
    );
    const granted = answers.filter((answer) => answer.status === 'fulfilled' && answer.value.granted);
    expect(answers[0]?.status).toBe('rejected');
    expect(granted).toHaveLength(3);
    expect(await emailQuota.used(of.tenant, DAY)).toBe(9);
  });

  it('never exceeds the limit together with those of other processes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 9 }), async (limit, n) => {
        const { emailQuota } = opened().ledger;
        const writes = await someWrites(12);
        const of = { tenant: someId('tenant'), day: DAY, limit };
        const left = [...writes];
        const answers = await inProcesses(opened(), 12, (ledger) =>
          ledger.emailQuota.reserve({ ...of, writeId: left.pop() ?? '', n }),
        );
        const granted = answers.filter((answer) => answer.granted).length;
        expect(granted).toBe(Math.min(12, Math.floor(limit / n)));
        expect(await emailQuota.used(of.tenant, DAY)).toBe(granted * n);
      }),
      { numRuns: 10 },
    );
  });
});
