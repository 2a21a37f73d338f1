/** What each answer to a batch of items means. The rules themselves are those of every batch of new records. */
import { describe, expect, it } from 'vitest';
import { interpretLoad, LOAD } from '../../src/activities/list-load/answers.ts';
import type { CreateItemsAnswer, NamedItem } from '../../src/cxone/lists.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { CAMPAIGN, itemOf, LIST, lead, leads, listLoadStand, phone } from './list-loads.ts';

const { opened, start } = listLoadStand();

const uploads = (fault: FaultRule['fault'], times = 1, after = 0): FaultRule[] => [
  { match: { method: 'POST', family: 'lists' }, probability: 1, after, times, fault },
];

async function countEvidence(runNo: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { outcome, evidence } of opened().ledger.records.list(runNo)) {
    const key = evidence === null ? outcome : `${outcome} ${evidence}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe('items that the list has already', () => {
  it('are existing if a 409 names them, and the others are sent again', async () => {
    const cxone = await start();
    await cxone.admin.seedItems(LIST, [itemOf(3), itemOf(1)]);
    const { result } = await cxone.runToEnd(leads(1, 2, 3, 4));
    expect(await cxone.uploaded()).toEqual([phone(4), phone(2)]);
    expect(result.counts).toMatchObject({ created: 2, existing: 2 });
    expect(result.metrics).toMatchObject({ successes: 4, conflicts: 2, failures: 0 });
  });

  it('are found by halves if a 409 names nobody', async () => {
    const cxone = await start({ naming: 'none' }, { listLoad: { itemsPerBatch: 8 } });
    await cxone.admin.seedItems(LIST, [itemOf(3)]);
    const { result } = await cxone.runToEnd(leads(1, 2, 3, 4, 5, 6, 7, 8));
    expect((await cxone.uploaded()).toSorted()).toEqual([1, 2, 4, 5, 6, 7, 8].map(phone));
    expect(result.counts).toMatchObject({ created: 7, existing: 1 });
  });

  it('are existing if a 200 names them', async () => {
    const cxone = await start({ atomic: false }, { listLoad: { itemsPerBatch: 8 } });
    await cxone.admin.seedItems(LIST, [itemOf(3)]);
    const { result } = await cxone.runToEnd(leads(1, 2, 3, 4));
    expect(result.counts).toMatchObject({ created: 3, existing: 1 });
  });
});

describe('items that CXone refuses', () => {
  it.each(['all', 'none'] as const)('are rejected, and the others created (named: %s)', async (naming) => {
    const settings = { naming, blockedNumbers: [phone(2)] };
    const cxone = await start(settings, { listLoad: { itemsPerBatch: 8 } });
    const { run, result } = await cxone.runToEnd(leads(1, 2, 3, 4));
    expect(await cxone.uploaded()).toEqual([4, 3, 1].map(phone));
    expect(result.counts).toMatchObject({ created: 3, rejected: 1 });
    expect(result.metrics).toMatchObject({ successes: 3, failures: 1 });
    const reason = naming === 'all' ? 'NUMBER_BLOCKED' : 'refused';
    expect(await cxone.outcomes(run)).toMatchObject({ 2: `rejected ${reason}` });
  });
});

describe('a 200', () => {
  it('without a count created everything that it does not name', async () => {
    const cxone = await start({ countItems: false });
    const { result } = await cxone.runToEnd(leads(1, 2, 3));
    expect(result.counts).toMatchObject({ created: 3 });
  });

  it('that created fewer than were sent, and names nobody, is followed by halves, and nobody is loaded twice', async () => {
    for (const fault of [{ dropRecords: 1 }, { underreport: 1 }]) {
      const cxone = await start({}, { listLoad: { itemsPerBatch: 4 } });
      await cxone.admin.setFaults(uploads(fault));
      const { result } = await cxone.runToEnd(leads(1, 2, 3, 4));
      expect((await cxone.uploaded()).toSorted()).toEqual([1, 2, 3, 4].map(phone));
      expect((result.counts.created ?? 0) + (result.counts.existing ?? 0)).toBe(4);
    }
  });
});

describe('a lost answer', () => {
  it.each([
    { reset: 'after' } as const,
    { truncate: true } as const,
    { status: 503, when: 'after' } as const,
  ])('to a batch that was applied: sent again, and nobody is loaded twice (%j)', async (fault) => {
    const cxone = await start();
    await cxone.admin.setFaults(uploads(fault));
    const { run } = await cxone.runToEnd(leads(1, 2, 3, 4));
    expect(await cxone.uploaded()).toEqual([4, 3, 2, 1].map(phone));
    expect(await countEvidence(run.run_no)).toEqual({ created: 2, 'existing own_write_or_existing': 2 });
  });

  it('to a batch that was not applied: the repetition shows it', async () => {
    const cxone = await start();
    await cxone.admin.setFaults(uploads({ reset: 'before' }));
    const { run } = await cxone.runToEnd(leads(1, 2, 3, 4));
    expect(await cxone.uploaded()).toEqual([2, 1, 4, 3].map(phone));
    expect(await countEvidence(run.run_no)).toEqual({ created: 4 });
  });

  it('is reconciled although the lost batch has filled the campaign', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 4 });
    await cxone.admin.setFaults(uploads({ reset: 'after' }, 1, 1));
    const { result } = await cxone.runToEnd(leads(1, 2, 3, 4));
    expect(result.counts).toMatchObject({ created: 2, existing: 2 });
  });

  it('is in doubt where CXone does not refuse duplicates, and nothing is sent again', async () => {
    const settings = { refuseDuplicates: false };
    const cxone = await start(settings, { listLoad: { strictUniqueness: false } });
    await cxone.admin.setFaults(uploads({ reset: 'after' }, 1, 1));
    const { run } = await cxone.plan(leads(1, 2, 3, 4));
    await cxone.writeAll(run);
    expect(await opened().ledger.runs.exactCounts(run.run_no)).toMatchObject({ created: 2, in_doubt: 2 });
    expect(await cxone.uploaded()).toHaveLength(4);
  });

  it('and a 200 that created too few are in doubt as well, where halves could create somebody twice', async () => {
    const settings = { refuseDuplicates: false };
    const cxone = await start(settings, { listLoad: { strictUniqueness: false } });
    await cxone.admin.setFaults(uploads({ dropRecords: 1 }));
    const { run } = await cxone.plan(leads(1, 2));
    await cxone.writeAll(run);
    expect(await opened().ledger.runs.exactCounts(run.run_no)).toMatchObject({ in_doubt: 2 });
    expect(await cxone.uploaded()).toEqual([phone(2)]);
  });
});

it('a 413 is divided until the item that is too large is alone', async () => {
  const cxone = await start({}, { listLoad: { itemsPerBatch: 4 } });
  await cxone.admin.setFaults(uploads({ status: 413 }, 4));
  const { run, result } = await cxone.runToEnd([lead(1), lead(2), lead(3), lead(4)]);
  expect(result.counts).toMatchObject({ created: 3, rejected: 1 });
  expect(Object.values(await cxone.outcomes(run))).toContain('rejected refused');
});

describe('the answer to items', () => {
  const named = (index: number, more: Partial<NamedItem> = {}): NamedItem => ({
    ...{ index, code: 'DUPLICATE', field: null, message: null, severity: 'warning' },
    ...more,
  });
  const parts = { requestId: 'q', notes: [] };

  it('leads to the kind of write of the list load', () => {
    const answer: CreateItemsAnswer = { kind: 'duplicates', status: 409, named: [named(1)], ...parts };
    expect(interpretLoad(answer, { seqs: [30, 10, 20], priorAttempt: 'none' })).toEqual({
      groups: [{ outcome: 'existing', seqs: [10] }],
      derived: [{ kind: LOAD, seqs: [30, 20] }],
    });
  });

  it('that names an item with a warning keeps it created, with the reason', () => {
    const warning = named(0, { code: 'PRIORITY_LOWERED', message: 'capped' });
    const answer: CreateItemsAnswer = {
      kind: 'created',
      status: 200,
      itemsCreated: 2,
      named: [warning],
      ...parts,
    };
    expect(interpretLoad(answer, { seqs: [30, 10], priorAttempt: 'none' }).groups).toEqual([
      { outcome: 'created', seqs: [10] },
      { outcome: 'created', seqs: [30], reasons: [{ code: 'PRIORITY_LOWERED', message: 'capped' }] },
    ]);
  });
});
