/** Writes that always fail must end; writes that meet an outage must only wait. */
import { describe, expect, it } from 'vitest';
import { CxoneUnavailable, CxoneUnreadable } from '../../src/cxone/errors.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { ledgerOfFile, upTo } from '../ledger/harness.ts';
import {
  allBatches,
  CONTEXT,
  createWorker,
  fakeCxone,
  lostAnswer,
  type TestWorker,
  type WorkerOptions,
  writeAll,
} from './harness.ts';
import { ageFailures, pageHelpers, pauseFailures } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countExactly } = pageHelpers(opened);

const unavailable = (status = 500) => new CxoneUnavailable({ ...CONTEXT, status }, null, 'unknown');
const answers = () => Promise.resolve();
const fails = () => Promise.reject(unavailable(503));

/** Repeats failed pages, like Temporal. Throws if writes are still open after that many passes. */
async function writeToEnd(worker: TestWorker, run: Run, passes = 100): Promise<void> {
  for (let pass = 1; pass <= passes; pass += 1) {
    const result = await worker.writePage(allBatches(run)).catch(() => null);
    if (result?.left === 0) return;
  }
  throw new Error(`writes are left open after ${passes} passes`);
}

async function reasonsOf(run: Run, outcome: 'in_doubt' | 'rejected') {
  const reasons = [];
  for await (const record of opened().ledger.records.list(run.run_no, outcome))
    reasons.push({ seq: record.seq, reasons: record.reasons });
  return reasons;
}

describe('a request that always fails, although CXone answers others', () => {
  it('is divided until the record at fault is alone; that one is in doubt, and an operator can resolve it', async () => {
    const run = await planned(40);
    const cxone = fakeCxone({
      probe: answers,
      before: (_, ids) => {
        if (ids.includes('c17')) throw unavailable();
      },
    });
    await writeToEnd(createWorker(opened().ledger, cxone.cxone), run);
    expect(await countExactly(run)).toEqual({ total: 40, pending: 0, created: 39, in_doubt: 1 });
    expect(await reasonsOf(run, 'in_doubt')).toMatchObject([
      { seq: 17, reasons: [{ code: 'answer_lost' }, { code: 'always_fails' }] },
    ]);
    const { ledger } = opened();
    expect(await ledger.writes.listInDoubt(run.run_no)).toMatchObject([{ records: 1 }]);
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: null });
    await writeToEnd(createWorker(ledger, fakeCxone().cxone), run);
    expect(await countExactly(run)).toEqual({ total: 40, pending: 0, created: 40 });
  });

  it('is rejected if CXone certainly did nothing', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      probe: answers,
      before: (_, ids) => {
        if (ids.includes('c3')) throw new CxoneUnreadable({ ...CONTEXT, status: 400 }, 'not JSON', 'no');
      },
    });
    await writeToEnd(createWorker(opened().ledger, cxone.cxone), run);
    expect(await countExactly(run)).toEqual({ total: 10, pending: 0, created: 9, rejected: 1 });
    expect(await reasonsOf(run, 'rejected')).toMatchObject([{ seq: 3, reasons: [{ code: 'always_fails' }] }]);
  });

  it('is in the events as a failed batch, once its records have their outcome', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      probe: answers,
      before: (_, ids) => {
        if (ids.includes('c3')) throw new CxoneUnreadable({ ...CONTEXT, status: 400 }, 'not JSON', 'no');
      },
    });
    const { ledger } = opened();
    const post = () => Promise.resolve();
    const worker = createWorker(ledger, cxone.cxone, { webhooks: { crm: post, marketing: null } });
    await writeToEnd(worker, run);
    const events = await ledger.outbox.listUndelivered(run.run_no, 100);
    const counts = events.map(({ counts }) => counts);
    expect(counts.reduce((sum, { created = 0, rejected = 0 }) => sum + created + rejected, 0)).toBe(10);
    const failed = events.find(({ counts: { rejected } }) => rejected === 1);
    if (!failed) throw new Error('no event about the record that was given up');
    expect(await ledger.outbox.trailer(failed)).toMatchObject({ failed: 1, batchStartIndex: 4 });
  });

  it('stops no other update of its batch', async () => {
    const run = await planned(10, 10, { existing: 'update' });
    const held = new Set(upTo(10).map((seq) => `c${seq}`));
    const cxone = fakeCxone(
      {
        probe: answers,
        before: (n, ids) => {
          if (n > 1 && ids.includes('c4'))
            throw new CxoneUnreadable({ ...CONTEXT, verb: 'PUT', status: 200 }, 'not JSON');
        },
      },
      held,
    );
    await writeToEnd(createWorker(opened().ledger, cxone.cxone), run);
    expect(await countExactly(run)).toEqual({ total: 10, pending: 0, updated: 9, in_doubt: 1 });
  });

  it('is neither divided nor given up while CXone answers no request', async () => {
    const run = await planned(20);
    const state = { out: true };
    const cxone = fakeCxone({
      probe: () => (state.out ? fails() : answers()),
      before: () => {
        if (state.out) throw unavailable(503);
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone);
    for (let pass = 1; pass <= 30; pass += 1) await worker.writePage(allBatches(run)).catch(() => undefined);
    expect(await countExactly(run)).toEqual({ total: 20, pending: 20 });
    state.out = false;
    await writeToEnd(worker, run);
    expect(await countExactly(run)).toEqual({ total: 20, pending: 0, created: 20 });
    expect(cxone.posts).toHaveLength(2);
  });

  it('is not given up while CXone answers only requests that change nothing', async () => {
    const run = await planned(20);
    const state = { out: true };
    const cxone = fakeCxone({
      probe: answers,
      before: () => {
        if (state.out) throw unavailable();
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone);
    for (let pass = 1; pass <= 30; pass += 1) await worker.writePage(allBatches(run)).catch(() => undefined);
    expect(await countExactly(run)).toEqual({ total: 20, pending: 20 });
    state.out = false;
    await writeToEnd(worker, run);
    expect(await countExactly(run)).toEqual({ total: 20, pending: 0, created: 20 });
  });

  it('is not given up because another batch was settled without a request, for an objection', async () => {
    const run = await planned(2, 1);
    const cxone = fakeCxone({
      probe: answers,
      before: () => {
        throw unavailable();
      },
    });
    const { ledger } = opened();
    const worker = createWorker(ledger, cxone.cxone);
    for (let pass = 1; pass <= 6; pass += 1) await worker.writePage(allBatches(run)).catch(() => undefined);
    const suppressions = {
      ...ledger.suppressions,
      isEmpty: () => Promise.resolve(false),
      find: () =>
        Promise.resolve([{ contactId: 'c2', channel: 'voice', reason: 'test', since: new Date() } as const]),
    };
    const later = createWorker({ ...ledger, suppressions }, cxone.cxone);
    for (let pass = 1; pass <= 6; pass += 1) await later.writePage(allBatches(run)).catch(() => undefined);
    expect(await countExactly(run)).toEqual({ total: 2, pending: 1, in_doubt: 1 });
    expect(await reasonsOf(run, 'in_doubt')).toMatchObject([{ seq: 2 }]);
  });

  it('ends after a quarter of an hour if there is no other request to compare with', async () => {
    const run = await planned(1);
    const cxone = fakeCxone({
      probe: answers,
      before: () => {
        throw unavailable();
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone);
    for (let pass = 1; pass <= 10; pass += 1) await worker.writePage(allBatches(run)).catch(() => undefined);
    expect(await countExactly(run)).toEqual({ total: 1, pending: 1 });
    // E.g. the run was paused.
    await pauseFailures(opened(), run);
    for (let pass = 1; pass <= 10; pass += 1) await worker.writePage(allBatches(run)).catch(() => undefined);
    expect(await countExactly(run)).toEqual({ total: 1, pending: 1 });
    await ageFailures(opened(), run);
    await writeToEnd(worker, run, 1);
    expect(await countExactly(run)).toEqual({ total: 1, pending: 0, in_doubt: 1 });
  });

  it('is not given up for another failure than the ones before', async () => {
    const run = await planned(1);
    const state = { status: 500 };
    const cxone = fakeCxone({
      probe: answers,
      before: () => {
        throw unavailable(state.status);
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone);
    for (let pass = 1; pass <= 4; pass += 1) await worker.writePage(allBatches(run)).catch(() => undefined);
    await ageFailures(opened(), run);
    state.status = 502;
    await worker.writePage(allBatches(run)).catch(() => undefined);
    expect(await countExactly(run)).toEqual({ total: 1, pending: 1 });
  });

  it('is counted from the start when it fails in another way', async () => {
    const run = await planned(10);
    const failures = [500, 502, 500, 502, 500, 502, 500, 502];
    const cxone = fakeCxone({
      probe: answers,
      before: () => {
        const status = failures.shift();
        if (status !== undefined) throw unavailable(status);
      },
    });
    await writeToEnd(createWorker(opened().ledger, cxone.cxone), run);
    expect(cxone.posts).toEqual([upTo(10).map((seq) => `c${seq}`)]);
  });
});

describe('an outage, where a request must not be repeated', () => {
  const start = (cxone: ReturnType<typeof fakeCxone>, more: WorkerOptions = {}) =>
    createWorker(opened().ledger, cxone.cxone, { duplicatesRefused: false, maxInFlight: 4, ...more });

  it('puts no more in doubt than was in flight when it began, however long it lasts', async () => {
    const run = await planned(600);
    const state = { out: false };
    const cxone = fakeCxone({
      probe: () => (state.out ? fails() : answers()),
      before: (n) => {
        if (n === 10) state.out = true;
        if (state.out) throw unavailable(503);
      },
    });
    const worker = start(cxone);
    for (let pass = 1; pass <= 30; pass += 1) await worker.writePage(allBatches(run)).catch(() => undefined);
    const during = await countExactly(run);
    expect(during.in_doubt).toBeGreaterThan(0);
    expect(during.in_doubt).toBeLessThanOrEqual(40);
    expect(during.pending).toBe(600 - (during.created ?? 0) - (during.in_doubt ?? 0));
    state.out = false;
    await writeAll(worker, allBatches(run));
    expect(await countExactly(run)).toMatchObject({ pending: 0, in_doubt: during.in_doubt });
  });

  it('is assumed for one page at most while CXone answers other requests', async () => {
    const run = await planned(600);
    const cxone = fakeCxone({
      after: (n) => {
        if (n % 3 === 0) throw lostAnswer();
      },
    });
    const worker = start(cxone, { maxInFlight: 1 });
    // A page that fails would wait for Temporal's backoff, which grows.
    for (;;) if ((await worker.writePage(allBatches(run))).left === 0) break;
    expect(await countExactly(run)).toEqual({ total: 600, pending: 0, created: 400, in_doubt: 200 });
  });

  it('puts nothing in doubt if it began before the first request', async () => {
    const run = await planned(20);
    const worker = start(fakeCxone({ probe: fails }));
    await expect(worker.writePage(allBatches(run))).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(await countExactly(run)).toEqual({ total: 20, pending: 20 });
  });
});
