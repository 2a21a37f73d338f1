import { describe, expect, it } from 'vitest';
import { EventNotAccepted, type PostWebhook } from '../../src/activities/outbox/webhook.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { until } from '../harness/wait.ts';
import {
  claimed,
  group,
  invalid,
  ledgerOfFile,
  openRun,
  plannedRun,
  record,
  settlement,
  writesOf,
} from '../ledger/harness.ts';
import {
  allBatches,
  createEnvironment,
  createWorker,
  fakeCxone,
  lostAnswer,
  runActivity,
  writeAll,
} from './harness.ts';
import { getFailure } from './pages.ts';

const opened = ledgerOfFile();

interface ReceivedEvent {
  readonly id: string;
  readonly body: string;
}

/** A subscriber that keeps what it has accepted. `fails`: how the n-th POST fails, before or after it is accepted. */
function fakeSubscriber(fails: (n: number) => 'before' | 'after' | null = () => null) {
  const received: ReceivedEvent[] = [];
  const attempts: ReceivedEvent[] = [];
  const post: PostWebhook = (id, body) => {
    attempts.push({ id, body });
    const how = fails(attempts.length);
    if (how !== 'before') received.push({ id, body });
    return how === null ? Promise.resolve() : Promise.reject(new Error('status 503'));
  };
  return { received, attempts, post };
}

const readMetrics = ({ body }: ReceivedEvent) =>
  (JSON.parse(body) as { metrics: { totalProcessed: number; successCount: number; failureCount: number } })
    .metrics;

/** A run with ten rows, two of them invalid, and with `settled` of its four batches settled. */
async function runWithEvents(settled: number, notify: string, phase = 'delivering') {
  const { ledger } = opened();
  const run = await openRun(ledger, { input: { listId: 'L1', source: { dataset: 'd' }, notify } });
  await ledger.records.stage(run.run_no, [
    ...Array.from({ length: 8 }, (_, i) => record(i + 1)),
    invalid(9),
    invalid(10),
  ]);
  await ledger.records.finishStaging(run.run_no);
  await ledger.writes.plan(run.run_no, 'create', 2);
  await settleMore(run, settled);
  await ledger.runs.setPhase(run.run_no, phase as 'delivering', null);
  return run;
}

async function settleMore(run: Run, n: number): Promise<void> {
  const { ledger } = opened();
  for (const { id, seqs } of (await writesOf(ledger, run)).slice(0, n)) {
    const { fence } = await claimed(ledger, run, id);
    const [a = 0, b = 0] = seqs;
    await ledger.writes.settle(settlement(id, fence, [group('created', [a]), group('rejected', [b])]));
  }
}

const deliver = (run: Run, post: PostWebhook | null) => {
  const { activities } = createWorker(opened().ledger, fakeCxone().cxone, {
    webhooks: { crm: post, marketing: null },
  });
  return runActivity(() => activities.deliverEvents(run.run_id));
};

const readAuditId = ({ body }: { body: string }): string =>
  (JSON.parse(body) as { auditTrailer: { auditId: string } }).auditTrailer.auditId;

async function listAuditIds(run: Run): Promise<string[]> {
  const ids: string[] = [];
  for await (const entry of opened().ledger.audit.list(run.run_id)) ids.push(entry.audit_id);
  return ids;
}

describe('delivery', () => {
  it('sends one event per batch, in order, with metrics that include the outcomes of staging', async () => {
    const run = await runWithEvents(4, 'batch');
    const crm = fakeSubscriber();
    expect(await deliver(run, crm.post)).toEqual({ done: true });
    expect(crm.received.map((event) => readMetrics(event).totalProcessed)).toEqual([4, 6, 8, 10]);
    expect(crm.received.map((event) => readMetrics(event).successCount)).toEqual([1, 2, 3, 4]);
    expect(crm.received.map((event) => readMetrics(event).failureCount)).toEqual([3, 4, 5, 6]);
    expect(JSON.parse(crm.received[3]?.body ?? '')).toMatchObject({
      id: crm.received[3]?.id,
      event: 'batch_complete',
      metrics: { successRatePercent: 40, averageLatencyMs: 12 },
      auditTrailer: { recordCount: 2, outcomes: { created: 1, rejected: 1 } },
    });
    expect(new Set(crm.received.map(readAuditId)).size).toBe(4);
    await opened().ledger.audit.seal();
    const audited = await listAuditIds(run);
    for (const event of crm.received) expect(audited).toContain(readAuditId(event));
    expect(await opened().ledger.outbox.countDeliveries(run.run_no)).toEqual({
      delivered: 4,
      undelivered: 0,
    });
    expect(await deliver(run, crm.post)).toEqual({ done: true });
    expect(crm.attempts).toHaveLength(4);
  });

  it('repeats a failed event with the same id and the same bytes, even if the subscriber had accepted it', async () => {
    for (const how of ['before', 'after'] as const) {
      const run = await runWithEvents(3, 'batch');
      const crm = fakeSubscriber((n) => (n === 2 ? how : null));
      await expect(deliver(run, crm.post)).rejects.toMatchObject({
        type: 'SubscriberUnavailable',
        nonRetryable: false,
      });
      await settleMore(run, 1);
      expect(await deliver(run, crm.post)).toEqual({ done: true });
      expect(crm.attempts[2]).toEqual(crm.attempts[1]);
      const last = new Map(crm.received.map((event) => [event.id, event]));
      expect(last.size).toBe(4);
      expect([...last.values()].map((event) => readMetrics(event).totalProcessed)).toEqual([4, 6, 8, 10]);
    }
  });

  it('is tried again after the time that the subscriber asks for', async () => {
    const run = await runWithEvents(1, 'batch');
    const refuse = (waitMs: number | null) => () =>
      Promise.reject(new EventNotAccepted('status 429', waitMs));
    await expect(deliver(run, refuse(42_000))).rejects.toMatchObject({
      type: 'SubscriberUnavailable',
      nextRetryDelay: 42_000,
    });
    const { nextRetryDelay } = await getFailure(deliver(run, refuse(null)));
    expect(nextRetryDelay).toBeUndefined();
    const [event] = await opened().ledger.outbox.listUndelivered(run.run_no, 1);
    expect(event).toMatchObject({ attempts: 2, last_error: 'status 429' });
  });

  it('does not report success for a batch that is left in doubt, by a decision or by a cancel', async () => {
    for (const end of ['left', 'cancelled']) {
      const run = await plannedRun(opened().ledger, 30, 10, { listId: 'L1', source: { dataset: 'd' } });
      const crm = fakeSubscriber();
      const lost = fakeCxone({
        after: (n) => {
          if (n === 2) throw lostAnswer();
        },
      });
      const tenant = {
        duplicatesRefused: false,
        maxInFlight: 1,
        webhooks: { crm: crm.post, marketing: null },
      };
      const worker = createWorker(opened().ledger, lost.cxone, tenant);
      // After the lost answer, the page claims nothing more.
      expect(await worker.writePage(allBatches(run))).toMatchObject({ left: 1, halted: null });
      await writeAll(worker, allBatches(run));
      const { run_id: runId } = run;
      const left = { runId, decision: { action: 'resolve', verdict: 'leave' } } as const;
      await runActivity<unknown>(() =>
        end === 'left'
          ? worker.activities.resolveInDoubt(left)
          : worker.activities.endPending({ runId, state: 'cancelled' }),
      );
      await opened().ledger.runs.setPhase(run.run_no, 'delivering', null);
      await runActivity(() => worker.activities.deliverEvents(runId));
      const last = crm.received.at(-1);
      if (!last) throw new Error('no event was delivered');
      expect(readMetrics(last)).toMatchObject({ totalProcessed: 30, successCount: 20, failureCount: 10 });
    }
  });

  it('loses no event while the subscriber is unavailable', async () => {
    const run = await runWithEvents(2, 'batch');
    const unavailable = fakeSubscriber(() => 'before');
    for (let i = 0; i < 3; i += 1)
      await expect(deliver(run, unavailable.post)).rejects.toMatchObject({ type: 'SubscriberUnavailable' });
    expect(new Set(unavailable.attempts.map(({ body }) => body)).size).toBe(1);
    expect(await opened().ledger.outbox.countDeliveries(run.run_no)).toEqual({
      delivered: 0,
      undelivered: 2,
    });
    const available = fakeSubscriber();
    await deliver(run, available.post);
    expect(available.received.map((event) => readMetrics(event).totalProcessed)).toEqual([4, 6]);
  });

  it.each(['run', 'page'])('merges all events of the run into one with notify %s', async (notify) => {
    const run = await runWithEvents(4, notify);
    const crm = fakeSubscriber();
    expect(await deliver(run, crm.post)).toEqual({ done: true });
    expect(crm.received.map((event) => readMetrics(event).totalProcessed)).toEqual([10]);
    expect(JSON.parse(crm.received[0]?.body ?? '')).toMatchObject({ auditTrailer: { recordCount: 8 } });
    expect(await opened().ledger.outbox.countDeliveries(run.run_no)).toEqual({
      delivered: 1,
      undelivered: 0,
    });
  });

  it('sends nothing before the end of a run with notify run, and stops when its worker drains', async () => {
    const run = await runWithEvents(2, 'run', 'writing');
    const crm = fakeSubscriber();
    const worker = createWorker(opened().ledger, fakeCxone().cxone, {
      webhooks: { crm: crm.post, marketing: null },
    });
    setTimeout(() => worker.draining.abort(), 200);
    expect(await runActivity(() => worker.activities.deliverEvents(run.run_id))).toEqual({ done: false });
    expect(crm.attempts).toEqual([]);
  });

  it('sends events while the run writes, and stops when it is cancelled', async () => {
    const run = await runWithEvents(1, 'batch', 'writing');
    const crm = fakeSubscriber();
    const env = createEnvironment();
    const worker = createWorker(opened().ledger, fakeCxone().cxone, {
      webhooks: { crm: crm.post, marketing: null },
    });
    const delivery = runActivity(() => worker.activities.deliverEvents(run.run_id), env);
    await until(
      () => crm.received.length,
      (n) => n > 0,
    );
    env.cancel();
    expect(await delivery).toEqual({ done: false });
    expect(crm.received).toHaveLength(1);
  });

  it('sends the same bytes for the same event, and correct totals, when two attempts overlap', async () => {
    const run = await runWithEvents(4, 'batch');
    const [a, b] = [fakeSubscriber(), fakeSubscriber()];
    await Promise.all([deliver(run, a.post), deliver(run, b.post)]);
    const bodies = new Map<string, Set<string>>();
    for (const { id, body } of [...a.received, ...b.received])
      bodies.set(id, (bodies.get(id) ?? new Set<string>()).add(body));
    expect(bodies.size).toBe(4);
    for (const variants of bodies.values()) expect(variants.size).toBe(1);
    const totals = [...bodies.values()].map(
      (v) => readMetrics({ id: '', body: [...v][0] ?? '' }).totalProcessed,
    );
    expect(totals.sort((x, y) => x - y)).toEqual([4, 6, 8, 10]);
  });

  it('is done at once without a subscriber', async () => {
    expect(await deliver(await runWithEvents(1, 'batch'), null)).toEqual({ done: true });
  });

  it('sends no value of a row', async () => {
    const run = await runWithEvents(4, 'batch');
    const crm = fakeSubscriber();
    await deliver(run, crm.post);
    expect(JSON.stringify(crm.received)).not.toContain('1415555');
  });
});
