/** `cxflow show` of a run that waits for somebody. */
import { afterEach, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { NOTHING_MEASURED } from '../../src/domain/metrics.ts';
import { fakeRun, noAnswers } from '../harness/fake-run.ts';
import { fakeCli } from './fakes.ts';

afterEach(() => {
  vi.useRealTimers();
});

const asked = { place: 'lists/L2', base: 'target', theirs: 'exclusion', ours: 'none', hash: 'asked' };
const stored = {
  place: 'lists/L2',
  base: { role: 'target' },
  theirs: { role: 'exclusion' },
  ours: null,
  hash: 'stored',
};
const none = () => Promise.resolve([]);
const ledger = {
  runs: {
    find: () => Promise.resolve(fakeRun({ kind: 'selectionUpdate', phase: 'conflict' })),
    counts: () => Promise.resolve({ total: 1, pending: 1 }),
  },
  rateBudget: { list: none },
  records: { countReasons: none },
  writes: { listInDoubt: none },
  metrics: { ofRun: () => Promise.resolve(NOTHING_MEASURED) },
  answers: noAnswers,
  outbox: {
    listUndelivered: none,
    countDeliveries: () => Promise.resolve({ delivered: 0, undelivered: 0 }),
  },
  reports: { refusals: none, milestones: none },
  retries: { list: none },
  selections: { find: () => Promise.resolve({ conflicts: [stored] }) },
};

it('names the conflicts that the worker asks about, however long it takes to connect to Temporal', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const client = async () => {
    await vi.advanceTimersByTimeAsync(60_000);
    return { progress: () => Promise.resolve({ conflicts: [asked] }) };
  };
  const cli = fakeCli({ ledger, client, link: () => null } as never);
  expect([await run(['show', 'r1'], cli), cli.err()]).toEqual([0, '']);
  expect(cli.out()).toContain('--seen asked');
});

it('names the conflicts of the ledger if no worker answers', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const progress = async () => {
    await vi.advanceTimersByTimeAsync(60_000);
    return { conflicts: [asked] };
  };
  const cli = fakeCli({ ledger, client: () => Promise.resolve({ progress }), link: () => null } as never);
  expect(await run(['show', 'r1'], cli)).toBe(0);
  expect(cli.out()).toContain('--seen stored');
});

it.each([
  [
    'awaiting_approval',
    /decide\n {2}approve it:\n {4}cxflow approve contact-import:L1:abc --plan p1\n {2}or reject it:\n/,
  ],
  ['paused', /decide\n {2}resume it:\n {4}cxflow resume contact-import:L1:abc\n/],
] as const)('names the commands that a run awaits while it is %s', async (phase, expected) => {
  const runs = {
    find: () => Promise.resolve(fakeRun({ phase, plan_hash: 'p1' })),
    counts: () => Promise.resolve({ total: 1, pending: 1 }),
  };
  const client = () => Promise.reject(new Error('no Temporal'));
  const session = { ledger: { ...ledger, runs }, client, link: () => null };
  const cli = fakeCli(session as never);
  expect([await run(['show', 'r1'], cli), cli.err()]).toEqual([0, '']);
  expect(cli.out()).toMatch(expected);
});
