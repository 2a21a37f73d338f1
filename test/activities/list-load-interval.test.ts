/** Batches of list items are kept apart, whichever worker sends them (CXFLOW_LIST_INTERVAL_MS). */
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { someId, upTo } from '../ledger/harness.ts';
import { allBatches, createWorker, recordTurns, writeAll } from './harness.ts';
import { LIST, leads, listLoadStand } from './list-loads.ts';

const INTERVAL_MS = 100;
const { start, opened } = listLoadStand();

it('two workers of a tenant never start batches sooner than the interval after the one before', async () => {
  const { turns, ledger } = recordTurns(opened().ledger);
  const tenant = someId('tenant');
  const cxone = await start({}, { tenant, listLoad: { intervalMs: INTERVAL_MS } });
  const runs = await Promise.all([leads(1, 2, 3, 4), leads(5, 6, 7, 8)].map((rows) => cxone.plan(rows)));
  await Promise.all(
    runs.map(({ run }) => {
      const worker = createWorker(ledger, cxone.cxone, { tenant, listLoad: cxone.settings });
      return writeAll(worker, allBatches(run));
    }),
  );
  for (const { run } of runs) expect((await cxone.close(run)).counts).toMatchObject({ created: 4 });
  expect(turns.map(({ queue, intervalMs }) => [queue, intervalMs])).toEqual(
    upTo(4).map(() => [`${tenant} list items`, INTERVAL_MS]),
  );
  // Each turn is at least the interval after the one before, and no earlier than it was asked for. A request comes after its turn.
  const requests = await cxone.admin.requests();
  const posts = requests.filter(({ method, path }) => method === 'POST' && path.endsWith(`/${LIST}/items`));
  const arrivals = posts.map(({ at }) => Date.parse(at)).sort((a, b) => a - b);
  expect(arrivals).toHaveLength(4);
  const asked = turns.map(({ askedAt }) => askedAt).sort((a, b) => a - b);
  const gaps = arrivals.slice(1).map((at, i) => at - (asked[i] ?? at));
  // Both are cut to whole milliseconds.
  expect(gaps.filter((ms) => ms < INTERVAL_MS - 1)).toEqual([]);
});

it('batches are 200 ms apart unless the setting says otherwise', () => {
  expect(loadConfig({}).listIntervalMs).toBe(200);
  expect(loadConfig({ CXFLOW_LIST_INTERVAL_MS: '0' }).listIntervalMs).toBe(0);
});
