/** What the ledger knows about requests whose worker has died, and what CXone's next answer means then. */
import { expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { until } from '../harness/wait.ts';
import { claimOf, expireLease, ledgerOfFile, readWrite, writesOf } from '../ledger/harness.ts';
import { allBatches, createWorker, fakeCxone, lostAnswer } from './harness.ts';
import { pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countEvidence } = pageHelpers(opened);

/** All contacts of the run, as CXone has them before. */
async function heldBy(run: Run): Promise<ReadonlySet<string>> {
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

it('a batch whose worker died before it was sent: CXone may have had its contacts before', async () => {
  const { ledger } = opened();
  const run = await planned(10);
  const id = await firstWrite(run);
  await ledger.writes.claim(claimOf(run, id));
  await expireLease(opened(), id);
  const cxone = fakeCxone({}, await heldBy(run));
  await createWorker(ledger, cxone.cxone).writePage(allBatches(run));
  expect(await countEvidence(run)).toEqual([['existing', 'own_write_or_existing', 10]]);
});

it('the ledger learns that a request has left while CXone still works on it', async () => {
  const { ledger } = opened();
  const run = await planned(10);
  const id = await firstWrite(run);
  const isMarked = () => readWrite(opened(), id);
  const cxone = fakeCxone({
    after: async () => {
      await until(isMarked, ({ sent_fence, fence }) => sent_fence === fence);
      // The worker is as good as dead: its answer comes too late.
      await expireLease(opened(), id);
      expect(await ledger.writes.claim(claimOf(run, id))).toMatchObject({ knownSent: true, lostAnswers: 1 });
      throw lostAnswer();
    },
  });
  await createWorker(ledger, cxone.cxone)
    .writePage(allBatches(run))
    .catch(() => undefined);
  await expireLease(opened(), id);
  await createWorker(ledger, fakeCxone({}, await heldBy(run)).cxone).writePage(allBatches(run));
  expect(await countEvidence(run)).toEqual([['created', 'own_write_lost_answer', 10]]);
});
