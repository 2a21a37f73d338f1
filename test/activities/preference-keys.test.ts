/** Idempotency keys of the source: no two items are ever sent under one key. */
import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { upTo } from '../ledger/harness.ts';
import { runActivity } from './harness.ts';
import {
  createRowWorker,
  day,
  guid,
  listOutcomes,
  listUpdates,
  nextPerson,
  openRunOf,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { start } = rowWorkersOfFile();

/** The key in the preferences tutorial's request. */
const KEY = 'c9d8e7f6-a5b4-3210-fedc-ba9876543210';

type Stand = Awaited<ReturnType<typeof start>>;

const sentKeys = async ({ admin }: Stand): Promise<string[]> =>
  (await listUpdates(admin)).map(({ idempotencyKey }) => idempotencyKey);

describe('an idempotency key', () => {
  it('is sent as the row has it', async () => {
    const stand = await start();
    const { run } = await stand.runToEnd([
      { ...optIn(nextPerson(), 5), idempotencyKey: KEY.toUpperCase() },
      optIn(nextPerson(), 5),
    ]);
    const [own, derived] = await sentKeys(stand);
    expect(own).toBe(KEY);
    expect(derived).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab]/);
    expect(await listOutcomes(stand.ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
    expect((await stand.ledger.runs.get(run.run_id)).plan).not.toHaveProperty('notes');
  });

  it('of several items is replaced by one for each, across batches and pages, and each row says so', async () => {
    const stand = await start({}, { preferencesPerBatch: 2 });
    const shared = upTo(7).map((i) => ({
      ...(i % 2 ? optIn : optOut)(nextPerson(), 5),
      idempotencyKey: i % 3 ? KEY : `{${KEY.toUpperCase()}}`,
    }));
    const { run, plan, result } = await stand.runToEnd([...shared, optIn(nextPerson(), 5)]);
    expect(plan).toMatchObject({ batches: 4, notes: [expect.stringContaining('7 rows share') as string] });
    expect(await stand.countRequests('POST')).toBe(4);
    const keys = await sentKeys(stand);
    expect(keys).toHaveLength(8);
    expect(new Set(keys).size).toBe(8);
    expect(keys).not.toContain(KEY);
    expect(await listOutcomes(stand.ledger, run)).toEqual({
      ...Object.fromEntries(upTo(7).map((seq) => [seq, 'updated idempotency_key_shared'])),
      8: 'updated',
    });
    expect(result.counts).toMatchObject({ total: 8, pending: 0, updated: 8 });
  });

  it("of some items leaves each person CXone's id of their own preference, in the outcomes and in the proof", async () => {
    const stand = await start();
    const people = upTo(4).map(nextPerson);
    const rows = people.map((n, i) => ({
      ...optIn(n, 5),
      ...([1, 2].includes(i) && { idempotencyKey: KEY }),
    }));
    const { run } = await stand.runToEnd(rows, { guard: false });
    const inCxone = await Promise.all(people.map(async (n) => (await stand.inCxone(n))?.id));
    expect(new Set(inCxone).size).toBe(4);
    for await (const { seq, cxoneId } of stand.ledger.records.list(run.run_no))
      expect(cxoneId, String(seq)).toBe(inCxone[seq - 1]);
    const proofs = await Promise.all(people.map((n) => stand.ledger.consentProof.list(guid(n))));
    expect(proofs.map(([proof]) => proof?.cxoneId)).toEqual(inCxone);
  });

  it('stays unique when a batch is refused and halved', async () => {
    const stand = await start({ naming: 'none' });
    const people = upTo(8).map(nextPerson);
    // The same updatedAt with other content, which timestamps cannot settle.
    await stand.admin.seedPreferences([stored(optIn(people[3] ?? 0, 4), day(5))]);
    const rows = people.map((n) => ({ ...optIn(n, 5), idempotencyKey: KEY }));
    const { run } = await stand.runToEnd(rows, { guard: false });
    const keys = await sentKeys(stand);
    expect([keys.length, new Set(keys).size]).toEqual([7, 7]);
    expect((await listOutcomes(stand.ledger, run))[4]).toBe('conflict newer_in_cxone idempotency_key_shared');
  });

  it('of duplicate rows is kept by the winner, which alone is sent', async () => {
    const stand = await start();
    const [n, other] = [nextPerson(), nextPerson()];
    const row = { ...optIn(n, 5), idempotencyKey: KEY };
    const { run } = await stand.runToEnd([row, row, { ...row, consentTimestamp: day(4) }, optIn(other, 5)]);
    expect(await listOutcomes(stand.ledger, run)).toEqual({
      1: 'updated',
      2: 'duplicate duplicate_in_source',
      3: 'duplicate duplicate_in_source',
      4: 'updated',
    });
    expect(await sentKeys(stand)).toContain(KEY);
  });

  it('is kept if only rows that are never sent share it', async () => {
    const stand = await start();
    const rows = [optIn(nextPerson(), 5), optIn(nextPerson(), 5, { source: '' })];
    await stand.runToEnd(rows.map((row) => ({ ...row, idempotencyKey: KEY })));
    expect(await sentKeys(stand)).toEqual([KEY]);
  });

  it('that an objection shares does not keep it from taking effect when staged, or from reaching CXone', async () => {
    const stand = await start();
    const [objector, other] = [nextPerson(), nextPerson()];
    const rows = [optIn(other, 5), optOut(objector, 9)].map((row) => ({ ...row, idempotencyKey: KEY }));
    const run = await openRunOf(stand.ledger, rows);
    await runActivity(() => stand.activities.stageRecords(run.run_id));
    expect(await stand.ledger.suppressions.find([guid(objector)], ['email'])).toHaveLength(1);
    await runActivity(() => stand.activities.planWrites(run.run_id));
    await stand.writeAll(run);
    expect(await stand.inCxone(objector)).toMatchObject({ optIn: false, withdrawalTimestamp: day(9) });
    expect(await stand.inCxone(other)).toMatchObject({ optIn: true });
  });

  it('of a row that is retried alone may be sent, because it was not sent before', async () => {
    const stand = await start();
    const [sent, failed] = [nextPerson(), nextPerson()];
    await stand.admin.seedPreferences([stored(optOut(failed, 20), day(1))]);
    const rows = [optIn(sent, 5), optIn(failed, 10)].map((row) => ({ ...row, idempotencyKey: KEY }));
    const { run } = await stand.runToEnd(rows);
    expect((await listOutcomes(stand.ledger, run))[2]).toBe(
      'conflict older_than_withdrawal idempotency_key_shared',
    );
    await stand.admin.seedPreferences([stored(optIn(failed, 1), day(1))]);
    const retry = await stand.runToEnd([], { source: { retryOf: run.run_id } });
    expect(await listOutcomes(stand.ledger, retry.run)).toEqual({ 1: 'updated' });
    expect(await sentKeys(stand)).toHaveLength(2);
  });
});

it('a crash while shared keys are replaced replaces none of them, so that none looks unique afterwards', async () => {
  const { ledger, cxone, ...stand } = await start();
  let replaced = 0;
  const crashing: Ledger = {
    ...ledger,
    preferences: {
      ...ledger.preferences,
      replaceSharedKeys: (run, replace) =>
        ledger.preferences.replaceSharedKeys(run, (record) => {
          replaced += 1;
          if (replaced === 2) throw new Error('crashed');
          return replace(record);
        }),
    },
  };
  const rows = upTo(2).map(() => ({ ...optIn(nextPerson(), 5), idempotencyKey: KEY }));
  const run = await openRunOf(ledger, rows);
  await expect(createRowWorker(crashing, cxone).plan(run)).rejects.toThrow();
  expect(replaced).toBe(2);
  expect(await ledger.preferences.countSharedKeys(run.run_no)).toBe(0);
  await stand.plan(run);
  expect(await ledger.preferences.countSharedKeys(run.run_no)).toBe(2);
});
