import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { OutboxEvent } from '../../src/ledger/outbox/outbox.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { claimed, group, ledgerOfFile, plannedRun, settlement, writesOf } from './harness.ts';

const opened = ledgerOfFile();

/** A run of `n` batches of two records. `settleNext` settles the next one with one created and one existing. */
async function runOf(n: number) {
  const { ledger } = opened();
  const run = await plannedRun(ledger, 2 * n, 2);
  const writes = await writesOf(ledger, run);
  let next = 0;
  const settleNext = async (latencyMs = 10) => {
    const write = writes[next++];
    if (!write) throw new Error('all are settled');
    const { fence } = await claimed(ledger, run, write.id);
    const [a = 0, b = 0] = write.seqs;
    const groups = [group('created', [a]), group('existing', [b])];
    await ledger.writes.settle({ ...settlement(write.id, fence, groups), latencyMs });
  };
  return { ledger, run, settleNext };
}

async function onlyEvent(ledger: Ledger, run: Run) {
  const events = await ledger.outbox.listWaiting(run.run_no, 10);
  expect(events).toHaveLength(1);
  const [event] = events;
  if (!event) throw new Error('no event');
  return event;
}

describe('the outbox', () => {
  it('lists undelivered events in order, and counts deliveries', async () => {
    const { ledger, run, settleNext } = await runOf(3);
    await settleNext();
    await settleNext();
    await settleNext();
    const events = await ledger.outbox.listWaiting(run.run_no, 2);
    expect(events.map(({ id }) => Number(id))).toEqual(
      events.map(({ id }) => Number(id)).sort((a, b) => a - b),
    );
    expect(events).toHaveLength(2);
    const [first, second] = events as [OutboxEvent, OutboxEvent];
    await ledger.outbox.markDelivered(first);
    const nextAttemptAt = new Date(Date.now() + 60_000);
    await ledger.outbox.markFailed(second, { error: 'status 503', nextAttemptAt });
    expect(await ledger.outbox.countDeliveries(run.run_no)).toEqual({ delivered: 1, undelivered: 2 });
    const [failed] = await ledger.outbox.listWaiting(run.run_no, 10);
    expect(failed).toMatchObject({
      ...{ attempts: 1, last_error: 'status 503', delivered_at: null },
      next_attempt_at: nextAttemptAt,
    });
  });

  it('no longer lists a dead letter, and counts it as undelivered', async () => {
    const { ledger, run, settleNext } = await runOf(2);
    await settleNext();
    const dead = await onlyEvent(ledger, run);
    await ledger.outbox.markFailed(dead, { error: 'status 400', nextAttemptAt: null });
    await settleNext();
    expect((await onlyEvent(ledger, run)).id).not.toBe(dead.id);
    expect(await ledger.outbox.countDeliveries(run.run_no)).toEqual({ delivered: 0, undelivered: 2 });
  });

  it('takes an event as failing from the first failure of one before it until one is accepted', async () => {
    const { ledger, run, settleNext } = await runOf(3);
    const failing = async () =>
      (await ledger.outbox.listWaiting(run.run_no, 9)).map((event) => event.failing_since !== null);
    for (let i = 0; i < 3; i += 1) await settleNext();
    const [first] = await ledger.outbox.listWaiting(run.run_no, 1);
    if (!first) throw new Error('no event');
    await ledger.outbox.markFailed(first, { error: 'status 503', nextAttemptAt: new Date() });
    expect(await failing()).toEqual([true, true, true]);
    const [again] = await ledger.outbox.listWaiting(run.run_no, 1);
    await ledger.outbox.markDelivered(again ?? first);
    expect(await failing()).toEqual([false, false]);
  });

  it('keeps an event delivered if another attempt says afterwards that it has failed', async () => {
    const { ledger, run, settleNext } = await runOf(1);
    await settleNext();
    const event = await onlyEvent(ledger, run);
    await ledger.outbox.markDelivered(event);
    await ledger.outbox.markFailed(event, { error: 'status 503', nextAttemptAt: null });
    expect(await ledger.outbox.countDeliveries(run.run_no)).toEqual({ delivered: 1, undelivered: 0 });
  });

  it('keeps the first body, so that every attempt delivers the same bytes', async () => {
    const { ledger, run, settleNext } = await runOf(1);
    await settleNext();
    const { id } = await onlyEvent(ledger, run);
    expect(await ledger.outbox.freezeBody(id, 'first')).toBe('first');
    expect(await ledger.outbox.freezeBody(id, 'second')).toBe('first');
  });

  it('merges undelivered events into the last one, with the counts of all', async () => {
    const { ledger, run, settleNext } = await runOf(3);
    await settleNext(10);
    await settleNext(20);
    await settleNext(30);
    await ledger.outbox.mergeWaiting(run.run_no);
    const event = await onlyEvent(ledger, run);
    const all = { counts: { created: 3, existing: 3 }, requests: 3, latencySumMs: 60 };
    expect(await ledger.outbox.ownTotals(event)).toEqual(all);
    expect(await ledger.outbox.renderedTotals(run.run_no)).toEqual({
      counts: {},
      requests: 0,
      latencySumMs: 0,
    });
    await ledger.outbox.freezeBody(event.id, 'body');
    expect(await ledger.outbox.renderedTotals(run.run_no)).toEqual(all);
    expect(await ledger.outbox.countDeliveries(run.run_no)).toEqual({ delivered: 0, undelivered: 1 });
  });

  it('loses no count when a merged event is merged again before it is delivered', async () => {
    const { ledger, run, settleNext } = await runOf(4);
    await settleNext();
    await settleNext();
    await ledger.outbox.mergeWaiting(run.run_no);
    await settleNext();
    await ledger.outbox.mergeWaiting(run.run_no);
    await settleNext();
    await ledger.outbox.mergeWaiting(run.run_no);
    const event = await onlyEvent(ledger, run);
    const all = { counts: { created: 4, existing: 4 }, requests: 4, latencySumMs: 40 };
    expect(await ledger.outbox.ownTotals(event)).toEqual(all);
    await ledger.outbox.freezeBody(event.id, 'body');
    expect(await ledger.outbox.renderedTotals(run.run_no)).toEqual(all);
  });

  it('merges neither events that have a body nor events of other runs', async () => {
    const { ledger, run, settleNext } = await runOf(2);
    const other = await runOf(1);
    await settleNext();
    const first = await onlyEvent(ledger, run);
    await ledger.outbox.freezeBody(first.id, 'body');
    await settleNext();
    await other.settleNext();
    await ledger.outbox.mergeWaiting(run.run_no);
    expect(await ledger.outbox.listWaiting(run.run_no, 10)).toHaveLength(2);
    expect(await ledger.outbox.listWaiting(other.run.run_no, 10)).toHaveLength(1);
    const content = { counts: { created: 1, existing: 1 }, requests: 1, latencySumMs: 10 };
    expect(await ledger.outbox.ownTotals(first)).toEqual(content);
  });

  it('has no event for a write without an answer', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 1);
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    const quiet = settlement(write?.id ?? '', fence, [group('in_doubt', [1])]);
    await ledger.writes.settle({ ...quiet, state: 'in_doubt', latencyMs: null, event: null });
    expect(await ledger.outbox.listWaiting(run.run_no, 10)).toEqual([]);
  });
});
