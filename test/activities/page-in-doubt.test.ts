import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { CxoneRefused } from '../../src/cxone/errors.ts';
import { ledgerOfFile, writesOf } from '../ledger/harness.ts';
import {
  allBatches,
  CONTEXT,
  createWorker,
  fakeCxone,
  lostAnswer,
  runActivity,
  writeAll,
} from './harness.ts';
import { pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countExactly, countEvidence } = pageHelpers(opened);

describe('if CXone does not refuse duplicates', () => {
  const duplicatesPossible = { duplicatesRefused: false };

  it('a batch whose answer was lost is in doubt, and not sent again without a decision', async () => {
    const run = await planned(20);
    const cxone = fakeCxone({
      after: (n) => {
        if (n === 1) throw lostAnswer();
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone, { ...duplicatesPossible, maxInFlight: 1 });
    // The page ends, because the next one might be lost as well.
    await expect(writeAll(worker, allBatches(run))).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(cxone.posts).toHaveLength(1);
    expect(await writeAll(worker, allBatches(run))).toMatchObject({ left: 0 });
    expect(await countExactly(run)).toEqual({ total: 20, pending: 0, created: 10, in_doubt: 10 });
    expect(cxone.posts).toHaveLength(2);
    expect(await opened().ledger.writes.listInDoubt(run.run_no)).toMatchObject([
      { batch: 1, records: 10, knownSent: true },
    ]);
  });

  it('a batch whose lease has expired is in doubt', async () => {
    const run = await planned(10);
    const [write] = await writesOf(opened().ledger, run);
    await opened().ledger.writes.claim({
      runNo: run.run_no,
      id: write?.id ?? '',
      leaseMs: 0,
      holder: 'a worker that died',
      tenant: 't',
    });
    const cxone = fakeCxone();
    await writeAll(createWorker(opened().ledger, cxone.cxone, duplicatesPossible), allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 10, pending: 0, in_doubt: 10 });
    expect(cxone.posts).toEqual([]);
  });

  it('the halves of a batch that created too few are in doubt, and sent if the operator decides so', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      answer: (n) =>
        n === 1
          ? {
              kind: 'created',
              status: 200,
              recordsCreated: 9,
              named: [],
              notes: [],
              id: null,
              requestId: 'q',
            }
          : undefined,
    });
    const worker = createWorker(opened().ledger, cxone.cxone, duplicatesPossible);
    await writeAll(worker, allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 10, pending: 0, in_doubt: 10 });
    expect(cxone.posts).toHaveLength(1);
    await opened().ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: null });
    await writeAll(worker, allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 10, pending: 0, created: 10 });
  });

  it('the halves of a refused batch are sent, because nothing was applied', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      answer: (_, ids) =>
        ids.includes('c4')
          ? { kind: 'refused', status: 400, message: 'no', named: [], notes: [], id: null, requestId: 'q' }
          : undefined,
    });
    await writeAll(createWorker(opened().ledger, cxone.cxone, duplicatesPossible), allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 10, pending: 0, created: 9, rejected: 1 });
  });

  it('updates are repeated, because a PUT has the same effect twice', async () => {
    const run = await planned(4, 10, { existing: 'update' });
    const cxone = fakeCxone(
      {
        after: (n) => {
          if (n === 3) throw lostAnswer();
        },
      },
      new Set(['c1', 'c2', 'c3', 'c4']),
    );
    await writeAll(createWorker(opened().ledger, cxone.cxone, duplicatesPossible), allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 4, pending: 0, updated: 4 });
  });
});

/** The error for a status that is not part of the contract (test/cxone/contact-lists.test.ts). */
const redirected = () => new CxoneRefused({ ...CONTEXT, status: 303 }, 'redirected (303)', 'unknown');

describe('a batch that was carried out and answered with a redirect', () => {
  const redirectFirst = () =>
    fakeCxone({
      after: (n) => {
        if (n === 1) throw redirected();
      },
    });

  it('ends the page and counts as unanswered, so that the repetition shows what was applied', async () => {
    const run = await planned(10);
    const cxone = redirectFirst();
    const worker = createWorker(opened().ledger, cxone.cxone);
    await expect(writeAll(worker, allBatches(run))).rejects.toMatchObject({
      type: 'Refused',
      nonRetryable: true,
    });
    expect(await writesOf(opened().ledger, run)).toMatchObject([{ state: 'unanswered', lostAnswers: 1 }]);
    await writeAll(worker, allBatches(run));
    expect(await countEvidence(run)).toEqual([['existing', 'own_write_or_existing', 10]]);
    expect(cxone.creations).toHaveLength(10);
  });

  it('is in doubt if it must not be repeated', async () => {
    const run = await planned(20);
    const cxone = redirectFirst();
    const worker = createWorker(opened().ledger, cxone.cxone, { duplicatesRefused: false, maxInFlight: 1 });
    await expect(writeAll(worker, allBatches(run))).rejects.toMatchObject({ type: 'Refused' });
    await writeAll(worker, allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 20, pending: 0, created: 10, in_doubt: 10 });
    expect(cxone.posts).toHaveLength(2);
  });
});

it('an update answered with a redirect may have been applied, and the updates after it were not sent', async () => {
  const run = await planned(5, 10, { existing: 'update' });
  const ids = ['c1', 'c2', 'c3', 'c4', 'c5'];
  // The first request is the batch, the fourth the PUT of c3.
  const cxone = fakeCxone(
    {
      after: (n) => {
        if (n === 4) throw redirected();
      },
    },
    new Set(ids),
  );
  const { activities, writePage } = createWorker(opened().ledger, cxone.cxone);
  await expect(writePage(allBatches(run))).rejects.toMatchObject({ type: 'Refused' });
  expect(cxone.puts).toEqual(['c1', 'c2', 'c3']);
  await opened().ledger.runs.steer(run.run_no, 'stopped');
  await runActivity(() => activities.endPending({ runId: run.run_id, state: 'cancelled' }));
  expect(await countExactly(run)).toEqual({ total: 5, pending: 0, updated: 2, in_doubt: 1, cancelled: 2 });
});

it('a history contains the first hundred of 22,000 writes in doubt, and any other can be looked up', async () => {
  const { ledger } = opened();
  const run = await planned(1, 1);
  await sql`
    insert into writes (run_no, batch, kind, state, seqs, refs)
    select ${run.run_no}, n, 'create', 'in_doubt', array[n], case when n <= 21000 then '{"resent": true}'::json end
    from generate_series(2, 22001) n`.execute(opened().database.db);
  const { activities } = createWorker(ledger, fakeCxone().cxone);
  const listed = await runActivity(() => activities.listInDoubt(run.run_id));
  expect(JSON.stringify(listed).length).toBeLessThan(30_000);
  // Those come first for which the policy or an operator may still decide to resend.
  expect(listed.map(({ batch, resent }) => [batch, resent])).toEqual(
    Array.from({ length: 100 }, (_, n) => [21_001 + n, false]),
  );
  const all = await ledger.writes.listInDoubt(run.run_no);
  expect(all).toHaveLength(22_000);
  const { id = '' } = all.at(-1) ?? {};
  expect(await runActivity(() => activities.listInDoubt(run.run_id, id))).toMatchObject([
    { id, batch: 21_000 },
  ]);
  expect(await runActivity(() => activities.listInDoubt(run.run_id, '9999999'))).toEqual([]);
});
