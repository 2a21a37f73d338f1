import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
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
  const events = await ledger.outbox.listUndelivered(run.run_no, 10);
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
    const events = await ledger.outbox.listUndelivered(run.run_no, 2);
    expect(events.map(({ id }) => Number(id))).toEqual(
      events.map(({ id }) => Number(id)).sort((a, b) => a - b),
    );
    expect(events).toHaveLength(2);
    await ledger.outbox.markDelivered(events[0]?.id ?? '');
    await ledger.outbox.markFailed(events[1]?.id ?? '', 'status 503');
    expect(await ledger.outbox.countDeliveries(run.run_no)).toEqual({ delivered: 1, undelivered: 2 });
    const [failed] = await ledger.outbox.listUndelivered(run.run_no, 10);
    expect(failed).toMatchObject({ attempts: 1, last_error: 'status 503', delivered_at: null });
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
    await ledger.outbox.mergeUndelivered(run.run_no);
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
    await ledger.outbox.mergeUndelivered(run.run_no);
    await settleNext();
    await ledger.outbox.mergeUndelivered(run.run_no);
    await settleNext();
    await ledger.outbox.mergeUndelivered(run.run_no);
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
    await ledger.outbox.mergeUndelivered(run.run_no);
    expect(await ledger.outbox.listUndelivered(run.run_no, 10)).toHaveLength(2);
    expect(await ledger.outbox.listUndelivered(other.run.run_no, 10)).toHaveLength(1);
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
    expect(await ledger.outbox.listUndelivered(run.run_no, 10)).toEqual([]);
  });
});
