/** What the ledger knows about the requests of a worker that died, for the person who decides whether to send them again. */
import { expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { until } from '../harness/wait.ts';
import { claimOf, expireLease, ledgerOfFile, readWrite, writesOf } from '../ledger/harness.ts';
import { allBatches, createWorker, fakeCxone, lostAnswer } from './harness.ts';
import { pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned } = pageHelpers(opened);

async function firstWrite(run: Run): Promise<string> {
  const [write] = await writesOf(opened().ledger, run);
  if (!write) throw new Error('nothing is planned');
  return write.id;
}

/** The next worker leaves the write in doubt, because the tenant accepts duplicates. */
async function leftInDoubt(run: Run) {
  const { ledger } = opened();
  const { writePage } = createWorker(ledger, fakeCxone().cxone, { duplicatesRefused: false });
  await writePage(allBatches(run));
  return ledger.writes.listInDoubt(run.run_no);
}

it('a write whose worker died before it was sent is not called sent', async () => {
  const { ledger } = opened();
  const run = await planned(10);
  const id = await firstWrite(run);
  await ledger.writes.claim(claimOf(run, id));
  await expireLease(opened(), id);
  expect(await leftInDoubt(run)).toMatchObject([{ records: 10, knownSent: false }]);
});

it('the ledger records that a request has left while CXone is still processing it', async () => {
  const { ledger } = opened();
  const run = await planned(10);
  const id = await firstWrite(run);
  const cxone = fakeCxone({
    after: async () => {
      await until(
        () => readWrite(opened(), id),
        ({ sent_fence, fence }) => sent_fence === fence,
      );
      // The lease expires, so the worker's answer comes too late.
      await expireLease(opened(), id);
      await ledger.writes.claim(claimOf(run, id));
      throw lostAnswer();
    },
  });
  await createWorker(ledger, cxone.cxone)
    .writePage(allBatches(run))
    .catch(() => undefined);
  await expireLease(opened(), id);
  expect(await leftInDoubt(run)).toMatchObject([{ records: 10, knownSent: true }]);
});
