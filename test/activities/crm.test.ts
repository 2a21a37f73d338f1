import { describe, expect, it } from 'vitest';
import type { PostWebhook } from '../../src/activities/outbox/webhook.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { until } from '../harness/wait.ts';
import {
  claimed,
  group,
  invalid,
  ledgerOfFile,
  openRun,
  writesOf,
  plannedRun,
  record,
  settlement,
} from '../ledger/harness.ts';
import { environment, fakeCxone, lostAnswer, perform, wholeOf, workerOf, writeAll } from './harness.ts';

const opened = ledgerOfFile();

interface Told {
  readonly id: string;
  readonly body: string;
}

/** A CRM that keeps what it took; `fails`: for the n-th POST. */
function crmOf(fails: (n: number) => 'before' | 'after' | null = () => null) {
  const told: Told[] = [];
  const tries: Told[] = [];
  const post: PostWebhook = (id, body) => {
    tries.push({ id, body });
    const how = fails(tries.length);
    if (how !== 'before') told.push({ id, body });
    return how === null ? Promise.resolve() : Promise.reject(new Error('status 503'));
  };
  return { told, tries, post };
}

const metricsOf = ({ body }: Told) =>
  (JSON.parse(body) as { metrics: { totalProcessed: number; successCount: number; failureCount: number } })
    .metrics;

/** A run of which two of ten rows were invalid, with `settled` of its four batches settled. */
async function runOf(settled: number, notify: string, phase = 'delivering') {
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

const tell = (run: Run, post: PostWebhook | null) => {
  const { activities } = workerOf(opened().ledger, fakeCxone().cxone, {
    webhooks: { crm: post, marketing: null },
  });
  return perform(() => activities.deliverEvents(run.run_id));
};

const auditIdOf = ({ body }: { body: string }): string =>
  (JSON.parse(body) as { auditTrailer: { auditId: string } }).auditTrailer.auditId;

async function entriesOf(run: Run): Promise<string[]> {
  const ids: string[] = [];
  for await (const entry of opened().ledger.audit.list(run.run_id)) ids.push(entry.audit_id);
  return ids;
}

describe('telling the CRM', () => {
  it('tells each batch once and in order, with metrics that add up from staging on', async () => {
    const run = await runOf(4, 'batch');
    const crm = crmOf();
    expect(await tell(run, crm.post)).toEqual({ done: true });
    expect(crm.told.map((t) => metricsOf(t).totalProcessed)).toEqual([4, 6, 8, 10]);
    expect(crm.told.map((t) => metricsOf(t).successCount)).toEqual([1, 2, 3, 4]);
    expect(crm.told.map((t) => metricsOf(t).failureCount)).toEqual([3, 4, 5, 6]);
    expect(JSON.parse(crm.told[3]?.body ?? '')).toMatchObject({
      id: crm.told[3]?.id,
      event: 'batch_complete',
      metrics: { successRatePercent: 40, averageLatencyMs: 12 },
      auditTrailer: { recordCount: 2, outcomes: { created: 1, rejected: 1 } },
    });
    expect(new Set(crm.told.map(auditIdOf)).size).toBe(4);
    await opened().ledger.audit.seal();
    const audited = await entriesOf(run);
    for (const told of crm.told) expect(audited).toContain(auditIdOf(told));
    expect(await opened().ledger.outbox.countDeliveries(run.run_no)).toEqual({
      delivered: 4,
      undelivered: 0,
    });
    expect(await tell(run, crm.post)).toEqual({ done: true });
    expect(crm.tries).toHaveLength(4);
  });

  it('tries again with the same id and the same bytes, also what the CRM took without our knowing', async () => {
    for (const how of ['before', 'after'] as const) {
      const run = await runOf(3, 'batch');
      const crm = crmOf((n) => (n === 2 ? how : null));
      await expect(tell(run, crm.post)).rejects.toMatchObject({
        type: 'SubscriberUnavailable',
        nonRetryable: false,
      });
      await settleMore(run, 1);
      expect(await tell(run, crm.post)).toEqual({ done: true });
      expect(crm.tries[2]).toEqual(crm.tries[1]);
      const last = new Map(crm.told.map((t) => [t.id, t]));
      expect(last.size).toBe(4);
      expect([...last.values()].map((t) => metricsOf(t).totalProcessed)).toEqual([4, 6, 8, 10]);
    }
  });

  it('does not report full success where a batch is left in doubt, by a word or by a cancel', async () => {
    for (const end of ['left', 'cancelled']) {
      const run = await plannedRun(opened().ledger, 30, 10, { listId: 'L1', source: { dataset: 'd' } });
      const crm = crmOf();
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
      const worker = workerOf(opened().ledger, lost.cxone, tenant);
      await writeAll(worker, wholeOf(run));
      const { run_id: runId } = run;
      const left = { runId, decision: { action: 'resolve', verdict: 'leave' } } as const;
      await perform<unknown>(() =>
        end === 'left'
          ? worker.activities.resolveInDoubt(left)
          : worker.activities.endPending({ runId, state: 'cancelled' }),
      );
      await opened().ledger.runs.setPhase(run.run_no, 'delivering', null);
      await perform(() => worker.activities.deliverEvents(runId));
      const last = crm.told.at(-1);
      if (!last) throw new Error('the CRM was told nothing');
      expect(metricsOf(last)).toMatchObject({ totalProcessed: 30, successCount: 20, failureCount: 10 });
    }
  });

  it('loses nothing while the CRM is away', async () => {
    const run = await runOf(2, 'batch');
    const away = crmOf(() => 'before');
    for (let i = 0; i < 3; i += 1)
      await expect(tell(run, away.post)).rejects.toMatchObject({ type: 'SubscriberUnavailable' });
    expect(new Set(away.tries.map(({ body }) => body)).size).toBe(1);
    expect(await opened().ledger.outbox.countDeliveries(run.run_no)).toEqual({
      delivered: 0,
      undelivered: 2,
    });
    const back = crmOf();
    await tell(run, back.post);
    expect(back.told.map((t) => metricsOf(t).totalProcessed)).toEqual([4, 6]);
  });

  it.each(['run', 'page'])('notify %s tells what gathered as one event', async (notify) => {
    const run = await runOf(4, notify);
    const crm = crmOf();
    expect(await tell(run, crm.post)).toEqual({ done: true });
    expect(crm.told.map((t) => metricsOf(t).totalProcessed)).toEqual([10]);
    expect(JSON.parse(crm.told[0]?.body ?? '')).toMatchObject({ auditTrailer: { recordCount: 8 } });
    expect(await opened().ledger.outbox.countDeliveries(run.run_no)).toEqual({
      delivered: 1,
      undelivered: 0,
    });
  });

  it('says nothing of a run that tells at its end, until then; and stops when its worker drains', async () => {
    const run = await runOf(2, 'run', 'writing');
    const crm = crmOf();
    const worker = workerOf(opened().ledger, fakeCxone().cxone, {
      webhooks: { crm: crm.post, marketing: null },
    });
    setTimeout(() => worker.draining.abort(), 200);
    expect(await perform(() => worker.activities.deliverEvents(run.run_id))).toEqual({ done: false });
    expect(crm.tries).toEqual([]);
  });

  it('tells while the run writes, and stops when it is cancelled', async () => {
    const run = await runOf(1, 'batch', 'writing');
    const crm = crmOf();
    const env = environment();
    const worker = workerOf(opened().ledger, fakeCxone().cxone, {
      webhooks: { crm: crm.post, marketing: null },
    });
    const telling = perform(() => worker.activities.deliverEvents(run.run_id), env);
    await until(
      () => crm.told.length,
      (n) => n > 0,
    );
    env.cancel();
    expect(await telling).toEqual({ done: false });
    expect(crm.told).toHaveLength(1);
  });

  it('two attempts at once tell the same bytes for the same event, and the sums stay right', async () => {
    const run = await runOf(4, 'batch');
    const [a, b] = [crmOf(), crmOf()];
    await Promise.all([tell(run, a.post), tell(run, b.post)]);
    const bodies = new Map<string, Set<string>>();
    for (const { id, body } of [...a.told, ...b.told])
      bodies.set(id, (bodies.get(id) ?? new Set<string>()).add(body));
    expect(bodies.size).toBe(4);
    for (const variants of bodies.values()) expect(variants.size).toBe(1);
    const sums = [...bodies.values()].map((v) => metricsOf({ id: '', body: [...v][0] ?? '' }).totalProcessed);
    expect(sums.sort((x, y) => x - y)).toEqual([4, 6, 8, 10]);
  });

  it('is done at once where there is no CRM', async () => {
    expect(await tell(await runOf(1, 'batch'), null)).toEqual({ done: true });
  });

  it('tells no value of a row', async () => {
    const run = await runOf(4, 'batch');
    const crm = crmOf();
    await tell(run, crm.post);
    expect(JSON.stringify(crm.told)).not.toContain('1415555');
  });
});
