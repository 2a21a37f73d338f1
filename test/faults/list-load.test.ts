/** Several list loads into one campaign, while workers are killed and answers are lost. */
import { expect, it } from 'vitest';
import type { ListLoadInput, ListLoadResult } from '../../src/contract/list-load.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { listHolders } from './observe.ts';
import { chooseSeed, hurry, onStand, type Stand, until } from './stand.ts';

const processes = useProcesses();
const CAMPAIGN = 'C1';
const LOADS = [1, 2, 3, 4, 5, 6] as const;
const ROWS = 150;
const MAX = 400;
const POSTS = { method: 'POST', family: 'lists' } as const;
const LOST_ANSWERS: readonly FaultRule[] = [
  { match: POSTS, probability: 0.12, fault: { reset: 'after' } },
  { match: POSTS, probability: 0.07, fault: { reset: 'before' } },
  { match: POSTS, probability: 0.08, fault: { status: 503, when: 'after' } },
  { match: POSTS, probability: 0.06, fault: { truncate: true } },
  { match: POSTS, probability: 0.04, fault: { dropRecords: 7 } },
  { match: POSTS, probability: 0.06, fault: { raw: '' } },
  { match: POSTS, probability: 0.04, fault: { raw: '[]', when: 'after' } },
  { match: { path: '^/api/v2/campaigns/' }, probability: 0.05, fault: { status: 503 } },
  { match: { path: '/suppressions$' }, after: 1, times: 2, fault: { truncate: 'cut' } },
];
const ENV = { CXFLOW_LIST_ITEMS_PER_BATCH: '50', CXFLOW_LIST_INTERVAL_MS: '0' } as const;

/** Numbers of different loads differ. */
const rowAt = (load: number, n: number) => ({
  phone_number: `+1${312 + load}555${String(1_000 + n)}`,
  last_contact_days: n % 100,
});

async function start(
  stand: Stand,
  load: number,
  rows: number,
  input: Partial<ListLoadInput> = {},
): Promise<string> {
  const { source } = await stand.client().stageRows(Array.from({ length: rows }, (_, n) => rowAt(load, n)));
  const { runId } = await stand
    .client()
    .startListLoad({ listId: `L${load}`, campaignId: CAMPAIGN, source, ...input });
  return runId;
}

const size = async (stand: Stand) => (await stand.admin.campaignCapacity(CAMPAIGN)).currentListSize ?? 0;

it('six loads fill a campaign and do not overfill it, although answers are lost and two workers killed', async () => {
  const seed = chooseSeed(47);
  const env = { ...ENV, CXFLOW_LIST_ITEMS_PER_BATCH: '10' };
  await onStand(processes, { seed, faults: LOST_ANSWERS, latencyMs: 100, env }, async (stand) => {
    await stand.admin.seedCapacity(CAMPAIGN, { maxListSize: MAX });
    const workers = await Promise.all([1, 2, 3].map(() => stand.readyWorker()));
    const runIds = await Promise.all(LOADS.map((load) => start(stand, load, ROWS, { fit: true })));
    await until(
      () => size(stand),
      (n) => n >= 100,
    );
    const writers = await listHolders(stand);
    const killed = workers
      .toSorted((a, b) => Number(isAmong(b.pid, writers)) - Number(isAmong(a.pid, writers)))
      .slice(0, 2);
    await Promise.all(killed.map((worker) => worker.kill()));
    await hurry(stand);
    const results = (await Promise.all(
      runIds.map((runId) => stand.ended(runId)),
    )) as unknown as ListLoadResult[];
    for (const [n, runId] of runIds.entries()) {
      const counts = await stand.conserved(runId, { result: results[n] as never });
      expect(counts.total, 'all are loaded or cancelled').toBe(
        (counts.created ?? 0) + (counts.existing ?? 0) + (counts.cancelled ?? 0),
      );
    }
    const loaded = await size(stand);
    // No run gives up room while it is only not known whether something of another run has arrived.
    expect(loaded).toBe(MAX);
  });
});

const isAmong = (pid: number, holders: readonly string[]): boolean =>
  holders.some((holder) => holder.endsWith(`:${pid}`));

it('a load that is refused for lack of room loads everything once another one has ended', async () => {
  await onStand(processes, { latencyMs: 100, env: ENV }, async (stand) => {
    await stand.admin.seedCapacity(CAMPAIGN, { maxListSize: 600 });
    const worker = await stand.readyWorker();
    const first = await start(stand, 1, 450, { approval: true });
    await until(
      () => stand.client().ledger.runs.find(first),
      (run) => run?.phase === 'awaiting_approval',
    );
    const second = await start(stand, 2, 450);
    await expect(stand.client().result(second)).rejects.toThrow();
    const refused = await stand.client().ledger.runs.get(second);
    expect(refused.failure).toMatchObject({
      type: 'NoCapacity',
      message: expect.stringContaining(first) as string,
    });
    await stand.conserved(second, { state: 'failed' });
    // A reservation belongs to its run, not to the worker that has made it.
    await worker.kill();
    await stand.readyWorker();
    await stand.client().temporal.workflow.getHandle(first).signal('reject', { by: 'dana' });
    await until(
      () => stand.client().ledger.runs.get(first),
      ({ state }) => state === 'rejected',
    );
    await start(stand, 2, 450);
    await hurry(stand);
    const result = await stand.ended(second);
    expect(await stand.conserved(second, { result })).toMatchObject({ total: 450, created: 450 });
    await stand.conserved(first, { state: 'rejected' });
  });
});
