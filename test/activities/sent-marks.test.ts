/** What the ledger knows about the requests of a worker that died, and how CXone's next answer is interpreted. */
import { expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { until } from '../harness/wait.ts';
import { claimOf, expireLease, ledgerOfFile, readWrite, writesOf } from '../ledger/harness.ts';
import { allBatches, createWorker, fakeCxone, lostAnswer } from './harness.ts';
import { pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countEvidence } = pageHelpers(opened);

/** The ids of all contacts of the run, for a CXone that already has them. */
async function listContactIds(run: Run): Promise<ReadonlySet<string>> {
  const { rows } = await opened().database.pool.query<{ id: string }>(
    "select record->>'contactId' as id from records where run_no = $1",
    [run.run_no],
  );
  return new Set(rows.map(({ id }) => id));
}

async function firstWrite(run: Run): Promise<string> {
  const [write] = await writesOf(opened().ledger, run);
  if (!write) throw new Error('nothing is planned');
  return write.id;
}

it('contacts of a batch that was claimed but never sent count as existing if CXone has them', async () => {
  const { ledger } = opened();
  const run = await planned(10);
  const id = await firstWrite(run);
  await ledger.writes.claim(claimOf(run, id));
  await expireLease(opened(), id);
  const cxone = fakeCxone({}, await listContactIds(run));
  await createWorker(ledger, cxone.cxone).writePage(allBatches(run));
  expect(await countEvidence(run)).toEqual([['existing', 'own_write_or_existing', 10]]);
});

it('the ledger records that a request has left while CXone is still processing it', async () => {
  const { ledger } = opened();
  const run = await planned(10);
  const id = await firstWrite(run);
  const isMarked = () => readWrite(opened(), id);
  const cxone = fakeCxone({
    after: async () => {
      await until(isMarked, ({ sent_fence, fence }) => sent_fence === fence);
      // The lease expires, so the worker's answer comes too late.
      await expireLease(opened(), id);
      expect(await ledger.writes.claim(claimOf(run, id))).toMatchObject({ knownSent: true, lostAnswers: 1 });
      throw lostAnswer();
    },
  });
  await createWorker(ledger, cxone.cxone)
    .writePage(allBatches(run))
    .catch(() => undefined);
  await expireLease(opened(), id);
  await createWorker(ledger, fakeCxone({}, await listContactIds(run)).cxone).writePage(allBatches(run));
  expect(await countEvidence(run)).toEqual([['created', 'own_write_lost_answer', 10]]);
});
