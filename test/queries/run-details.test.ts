/** The details of a run, read from a fake ledger. */
import { describe, expect, it } from 'vitest';
import { NOTHING_MEASURED } from '../../src/domain/metrics.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { readConflicts } from '../../src/queries/conflicts.ts';
import { readRunDetails } from '../../src/queries/run-details.ts';
import { readRefusals, readRunHistory } from '../../src/queries/run-history.ts';
import { fakeRun, noAnswers } from '../harness/fake-run.ts';

const AT = new Date('2026-03-01T10:00:00Z');
const REFUSAL = { action: 'pause', by: 'dana', why: 'the run is paused already', at: AT.toISOString() };
const MILESTONES = [
  { at: AT, action: 'run_opened', data: { requestedBy: 'dana' } },
  { at: AT, action: 'steering_refused', data: REFUSAL },
  { at: AT, action: 'resolve', data: { by: 'sam', verdict: 'leave', reason: 'checked by hand' } },
  { at: AT, action: 'run_closed', data: { state: 'completed' } },
  { at: AT, action: 'unreadable', data: 'text' },
];
/** More than are shown. */
const REFUSED_NEWEST_FIRST = Array.from({ length: 30 }, (_, index) => ({
  at: AT,
  action: 'steering_refused',
  data: { ...REFUSAL, by: `operator ${30 - index}` },
}));
const STORED = {
  place: 'lists/L2',
  base: null,
  theirs: { role: 'target' },
  ours: { role: 'exclusion' },
  hash: 'h1',
};

const BLOCK = { tenant: 't', since: AT, until: AT, reason: 'a 429' };

function fakeLedger(run?: Run): Ledger {
  const none = () => Promise.resolve([]);
  return {
    runs: { find: () => Promise.resolve(run), counts: () => Promise.resolve({ total: 2, pending: 2 }) },
    rateBudget: { list: () => Promise.resolve([{ tenant: 't', nextFreeAt: AT, queues: [], block: BLOCK }]) },
    records: { countReasons: none },
    writes: { listInDoubt: none },
    metrics: { ofRun: () => Promise.resolve(NOTHING_MEASURED) },
    answers: noAnswers,
    outbox: {
      listUndelivered: none,
      countDeliveries: () => Promise.resolve({ delivered: 0, undelivered: 0 }),
    },
    reports: {
      milestones: () => Promise.resolve(MILESTONES),
      refusals: (_: string, limit: number) => Promise.resolve(REFUSED_NEWEST_FIRST.slice(0, limit)),
    },
    retries: { list: () => Promise.resolve([{ runId: 'r2', target: 'L1', state: 'completed' }]) },
    selections: { find: () => Promise.resolve({ conflicts: [STORED] }) },
  } as unknown as Ledger;
}

const noProgress = () => Promise.reject(new Error('must not be called'));

describe('the details of a run', () => {
  it('contain the blocks of the rate limit, unless the run has ended', async () => {
    const blocksOf = async (change: Partial<Run>) =>
      (await readRunDetails(fakeLedger(fakeRun(change)), 'r1', noProgress))?.blocks;
    expect(await blocksOf({ state: 'running' })).toEqual([BLOCK]);
    expect(await blocksOf({ state: 'completed' })).toEqual([]);
  });

  it('are null if the ledger does not have the run', async () => {
    expect(await readRunDetails(fakeLedger(), 'none', noProgress)).toBeNull();
  });

  it('contain summary, refused decisions and retries, and survive JSON', async () => {
    const details = await readRunDetails(fakeLedger(fakeRun()), 'r1', noProgress);
    expect(JSON.parse(JSON.stringify(details))).toMatchObject({
      runId: 'contact-import:L1:abc',
      counts: { total: 2, pending: 2 },
      retriedBy: ['r2'],
    });
    expect(details?.refused).toEqual(await readRefusals(fakeLedger(), 'r1'));
  });
});

describe('the history of a run', () => {
  it('names who did what and why, and tolerates entries that it cannot read', async () => {
    const { entries, isTruncated } = await readRunHistory(fakeLedger(), 'r1');
    expect(isTruncated).toBe(false);
    expect(entries.map(({ action, by, why }) => [action, by, why])).toEqual([
      ['run_opened', 'dana', null],
      ['steering_refused: pause', 'dana', 'the run is paused already'],
      ['resolve: leave', 'sam', 'checked by hand'],
      ['run_closed: completed', null, null],
      ['unreadable', null, null],
    ]);
  });
});

describe('refused decisions', () => {
  it('are the last twenty, in order', async () => {
    const refused = await readRefusals(fakeLedger(), 'r1');
    expect(refused.map(({ by }) => by)).toEqual(Array.from({ length: 20 }, (_, i) => `operator ${i + 11}`));
    expect(refused[0]).toEqual({ ...REFUSAL, by: 'operator 11' });
  });
});

describe('conflicts', () => {
  const waiting = fakeRun({ phase: 'conflict' });
  const shown = { place: 'lists/L2', base: '', theirs: '', ours: '', hash: 'h1' };

  it('are those that the worker asks about, with the values that the ledger has', async () => {
    const newer = { ...shown, place: 'priorityOrder', hash: 'h2' };
    const progress = () => Promise.resolve({ conflicts: [shown, newer] });
    expect(await readConflicts(fakeLedger(), waiting, progress)).toEqual([
      { place: 'lists/L2', base: 'nothing', theirs: 'target', ours: 'exclusion', hash: 'h1' },
      newer,
    ]);
  });

  it('come from the ledger if no worker answers or the run does not wait', async () => {
    const failing = () => Promise.reject(new Error('no worker'));
    for (const run of [waiting, fakeRun()])
      expect(await readConflicts(fakeLedger(), run, failing)).toMatchObject([{ hash: 'h1' }]);
  });
});
