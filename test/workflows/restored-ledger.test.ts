/** What a run knows of its ledger, and how it ends if the ledger knows less. */
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { Page } from '../../src/activities/engine/page-worker.ts';
import type { InDoubt } from '../../src/activities/engine/runs.ts';
import {
  getFailure,
  oneInDoubt,
  runImport,
  settledPage,
  stubActivities,
  useShortHistories,
  waitForPhase,
} from './harness.ts';

const server = useShortHistories(25);
const COUNTS = { total: 300, pending: 0, created: 300 };

const lost = (): never => {
  throw ApplicationFailure.create({ type: 'LedgerRestored', message: 'run r is gone', nonRetryable: true });
};

it('hands the most claims that it has seen to each page, and to its next history', async () => {
  const batches = 12;
  let claims = 0;
  const stubs = stubActivities({
    planned: { batches, openPages: 1 },
    writePage: ({ toBatch }) => {
      // The last pages know less than the first ones.
      claims = Math.max(claims, Math.min(toBatch, 8) * 10);
      return { ...settledPage(COUNTS), claims: toBatch > 8 ? 1 : claims };
    },
  });
  await runImport(server(), stubs, {}, (handle) => handle.result());
  const pages = stubs.named('writePage') as Page[];
  expect(pages.map(({ seen }) => seen)).toEqual(
    Array.from({ length: batches }, (_, n) => ({ claims: Math.min(n, 8) * 10, lastBatch: n + 1 })),
  );
  expect(stubs.named('closeRun')).toMatchObject([{ seen: { claims: 80, lastBatch: batches } }]);
});

it('ends with the failure of the page, and hands the last batch that it has opened to the ledger', async () => {
  const stubs = stubActivities({ planned: { batches: 3 }, writePage: lost });
  await runImport(server(), stubs, {}, async (handle) => {
    expect(await getFailure(handle)).toMatchObject({ type: 'LedgerRestored' });
  });
  expect(stubs.named('closeRun')).toMatchObject([
    { state: 'failed', failure: { type: 'LedgerRestored' }, seen: { lastBatch: 3 } },
  ]);
});

it('asks about writes in doubt after the ledger was restored, although its policy is to send them again', async () => {
  const [doubtful] = (oneInDoubt().listInDoubt as () => InDoubt[])();
  const resolved: unknown[] = [];
  const stubs = stubActivities({
    listInDoubt: () => (resolved.length === 0 && doubtful ? [{ ...doubtful, afterRestore: true }] : []),
    resolveInDoubt: ({ decision }) => resolved.push(decision.verdict),
  });
  await runImport(server(), stubs, { onInDoubt: 'resend' }, async (handle) => {
    await waitForPhase(stubs, 'in_doubt');
    const decision = { action: 'resolve', verdict: 'leave', by: 'dana' };
    await handle.executeUpdate('decide', { args: [decision] });
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(resolved).toEqual(['leave']);
});

it('ends so too if the ledger has lost the run, and nothing can be stored in it any more', async () => {
  let isLost = false;
  const unlessLost = <T>(value: T) => (isLost ? lost() : value);
  const stubs = stubActivities({
    openRun: () => ({ searchAttributes: false, hasSubscriber: true }),
    writePage: () => {
      isLost = true;
      return lost();
    },
    setPhase: () => unlessLost(undefined),
    steerRun: () => unlessLost(undefined),
    deliverEvents: () => unlessLost({ done: false }),
    closeRun: lost,
  });
  await runImport(server(), stubs, {}, async (handle) => {
    expect(await getFailure(handle)).toMatchObject({ type: 'LedgerRestored', message: 'run r is gone' });
  });
});
