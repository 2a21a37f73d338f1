import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { upTo } from '../ledger/harness.ts';
import {
  day,
  listOutcomes,
  nextPerson,
  oneContact,
  openRunOf,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { start } = rowWorkersOfFile();

describe('the guard', () => {
  it('keeps an older opt-in from overwriting a withdrawal, and reports both dates', async () => {
    const { runToEnd, admin, inCxone, ledger } = await start();
    const [stale, same, newer, unknown] = [nextPerson(), nextPerson(), nextPerson(), nextPerson()];
    // Last changed long ago, so timestamp-wins alone would let the opt-in win.
    await admin.seedPreferences([stale, same, newer].map((n) => stored(optOut(n, 20), day(1))));
    const { run, result } = await runToEnd([
      optIn(stale, 10),
      optIn(same, 20),
      optIn(newer, 21),
      optIn(unknown, 3),
    ]);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'conflict older_than_withdrawal',
      2: 'conflict older_than_withdrawal',
      3: 'updated',
      4: 'updated',
    });
    expect((await inCxone(stale))?.optIn).toBe(false);
    for await (const { reasons } of ledger.records.list(run.run_no, 'conflict'))
      expect(reasons[0]?.message).toMatch(/consent of 2025-01-\d\d.*withdrawal of 2025-01-20/);
    expect(result.counts).toMatchObject({ updated: 2, conflict: 2 });
  });

  it('can be switched off; then timestamp-wins decides, without lookups', async () => {
    const { runToEnd, admin, inCxone, countRequests, ledger } = await start();
    const [kept, overwritten] = [nextPerson(), nextPerson()];
    await admin.seedPreferences([stored(optOut(kept, 20)), stored(optOut(overwritten, 20), day(1))]);
    const { run } = await runToEnd([optIn(kept, 10), optIn(overwritten, 10)], { guard: false });
    // CXone kept the newer one. It is read back, to report both dates.
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'conflict newer_in_cxone', 2: 'updated' });
    expect([await countRequests('GET'), await countRequests('POST')]).toEqual([1, 1]);
    expect((await inCxone(kept))?.optIn).toBe(false);
  });

  it('repeats an unreadable lookup a few times, then rejects the item without sending it', async () => {
    const garbled: FaultRule = {
      match: { method: 'GET', family: 'preferences' },
      after: 1,
      times: 3,
      fault: { truncate: 'clean' },
    };
    const { runToEnd, admin, inCxone, ledger } = await start({ faults: [garbled] });
    const [first, second, third] = [nextPerson(), nextPerson(), nextPerson()];
    await admin.seedPreferences([first, second, third].map((n) => stored(optIn(n, 1))));
    const { run } = await runToEnd([optIn(first, 3), optIn(second, 3), optIn(third, 3)]);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'updated',
      2: 'rejected preference_unavailable',
      3: 'updated',
    });
    expect((await inCxone(second))?.consentTimestamp).toBe(day(1));
  });

  it('rejects an item whose lookup always fails, once CXone answers another one', async () => {
    const { plan, writePage, admin, inCxone, ledger } = await start();
    const odd = nextPerson();
    await admin.setFaults([oneContact(odd, { status: 500 })]);
    const run = await openRunOf(ledger, [optIn(odd, 3)]);
    await plan(run);
    const page = { runId: run.run_id, fromBatch: 1, toBatch: 1 };
    for (let tries = 0; tries < 10; tries += 1) await writePage(page).catch(() => undefined);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'rejected preference_unavailable' });
    expect(await inCxone(odd)).toBe(undefined);
  });

  it('rejects an item whose lookup CXone refuses, and continues with the others', async () => {
    const { runToEnd, admin, inCxone, ledger } = await start();
    const [first, odd, third] = [nextPerson(), nextPerson(), nextPerson()];
    await admin.setFaults([oneContact(odd, { status: 422 })]);
    const { run } = await runToEnd([optIn(first, 3), optIn(odd, 3), optOut(third, 3)]);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'updated',
      2: 'rejected preference_unavailable',
      3: 'updated',
    });
    expect(await inCxone(odd)).toBe(undefined);
  });

  it('sends opt-outs without waiting for the lookups of others', async () => {
    const { plan, writePage, writeAll, admin, inCxone, ledger } = await start();
    const [unavailable, objector] = [nextPerson(), nextPerson()];
    await admin.setFaults([oneContact(unavailable, { status: 503 })]);
    const run = await openRunOf(ledger, [optIn(unavailable, 3), optOut(objector, 3)]);
    await plan(run);
    const page = { runId: run.run_id, fromBatch: 1, toBatch: 1 };
    for (let tries = 0; tries < 3; tries += 1) await writePage(page).catch(() => undefined);
    expect((await inCxone(objector))?.optIn).toBe(false);
    expect((await listOutcomes(ledger, run))[2]).toBe('updated');
    await admin.setFaults([]);
    await writeAll(run);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
  });

  it('sends all opt-outs of a page during an outage of the lookups', async () => {
    const { plan, writePage, ledger } = await start({
      faults: [{ match: { method: 'GET', family: 'preferences' }, fault: { status: 503 } }],
    });
    const rows = upTo(1_600).map((n) => (n % 100 === 0 ? optIn(nextPerson(), 3) : optOut(nextPerson(), 3)));
    const run = await openRunOf(ledger, rows);
    await plan(run);
    const page = { runId: run.run_id, fromBatch: 1, toBatch: 100 };
    for (let tries = 0; tries < 10; tries += 1) await writePage(page).catch(() => undefined);
    expect(await ledger.runs.counts(run.run_no)).toMatchObject({ updated: 1_584, pending: 16 });
  });

  it('keeps the answers it has when it is interrupted', async () => {
    const outage: FaultRule = {
      match: { method: 'GET', family: 'preferences' },
      after: 6,
      times: 1,
      fault: { status: 503 },
    };
    const { runToEnd, countRequests } = await start({ faults: [outage] });
    const { result } = await runToEnd(upTo(10).map(() => optIn(nextPerson(), 3)));
    expect(result.counts).toMatchObject({ updated: 10 });
    expect(await countRequests('GET')).toBe(11);
  });
});
