/** List loads under lost answers and kill -9: nobody is loaded twice, nobody is lost, and no campaign is overfilled. */
import { describe, expect, it } from 'vitest';
import type { ListLoadResult } from '../../src/contract/list-load.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { leadAt } from '../scenarios/leads.ts';
import { chooseSeed, createRandom, onStand, type Stand, until } from './stand.ts';

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
const ENV = { CXFLOW_LIST_ITEMS_PER_BATCH: '25', CXFLOW_LIST_INTERVAL_MS: '0' };
const ROWS = 600;
const ROOM = 1_000;

async function start(stand: Stand, listId: string, first: number): Promise<string> {
  const rows = Array.from({ length: ROWS }, (_, n) => leadAt(first + n));
  const { source } = await stand.client().stageRows(rows);
  const { runId } = await stand.client().startListLoad({ listId, campaignId: 'C1', source, fit: true });
  return runId;
}

const loaded = async ({ admin }: Stand): Promise<number> => (await admin.itemJournal()).length;

describe('list loads', () => {
  const processes = useProcesses();
  it('into one campaign fill it, and no further, although answers are lost and workers killed', async () => {
    const seed = chooseSeed(47);
    const random = createRandom(seed);
    await onStand(processes, { seed, faults: LOST_ANSWERS, latencyMs: 5, env: ENV }, async (stand) => {
      await stand.admin.seedCapacity('C1', { maxListSize: ROOM, lists: ['L1', 'L2'] });
      let worker = await stand.readyWorker();
      const runIds = [await start(stand, 'L1', 1_000), await start(stand, 'L2', 3_000)];
      for (const at of [random(50, 300), random(450, 800)]) {
        await until(
          () => loaded(stand),
          (n) => n >= at,
        );
        await worker.kill();
        worker = await stand.readyWorker();
      }
      for (const runId of runIds) {
        const result = (await stand.ended(runId)) as unknown as ListLoadResult;
        const { created = 0, existing = 0, cancelled = 0, ...others } = result.counts;
        expect(others).toEqual({ total: ROWS, pending: 0 });
        expect(created + existing + cancelled).toBe(ROWS);
        await stand.conserved(runId, { result });
      }
      expect(await loaded(stand)).toBeLessThanOrEqual(ROOM);
      // Room that was found before another run's items arrived may stay empty.
      expect(await loaded(stand)).toBeGreaterThan(ROWS);
    });
  });
});
