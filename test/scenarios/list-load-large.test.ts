/**
 * 20,000 leads, of which a fifth are duplicates, with a suppression list a tenth as long: it shows that such a load works. They
 * would fit into the limits even if all were kept; `npm run test:million` loads a million, which would not.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { suppressionAt, writeLeads } from '../../bench/list-load/leads.ts';
import { peakMegabytes } from '../../bench/machine.ts';
import { limitFor, MAX_GROWTH_MEGABYTES, maxEvents, rowsOr, SMALL_HEAP } from './large.ts';
import type { PrintedLoad } from './leads.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();
const ROWS = rowsOr(20_000);
const SUPPRESSIONS = ROWS / 10;

it(
  `loads ${ROWS.toLocaleString('en')} leads into a list with a short history and flat memory`,
  limitFor(ROWS),
  async () => {
    await onStand({ env: SMALL_HEAP }, async (stand) => {
      const { admin, client, worker } = stand;
      await admin.seedCapacity('C1', { currentListSize: 0, maxListSize: 1_000_000, lists: ['L0', 'L1'] });
      const entries = Array.from({ length: SUPPRESSIONS }, (_, n) => suppressionAt(n));
      await admin.seedSuppressions({ replace: true, entries });
      // First a small one, so that the baseline includes Node, Temporal's core and their caches.
      await load(stand, 'L0', 2_000);
      const baseline = peakMegabytes(worker.pid);
      const { document } = await load(stand, 'L1', ROWS);

      const { historyLength } = await client.temporal.workflow.getHandle(document.runId).describe();
      expect(historyLength).toBeLessThan(maxEvents(ROWS));
      const growth = peakMegabytes(worker.pid) - baseline;
      console.log(`the worker's memory: ${Math.round(baseline)} MB, and ${Math.round(growth)} MB more`);
      expect(growth, 'MB more than for 2,000 rows').toBeLessThan(MAX_GROWTH_MEGABYTES);
      expect(document.suppressions).toMatchObject({ entries: SUPPRESSIONS, unidentified: 0 });
      // Batches are kept apart by the setting that is in force without one.
      const budgets = await client.ledger.rateBudget.list();
      expect(budgets).toMatchObject([{ queues: [{ name: 'list items' }] }]);
      await stand.conserved(document.runId, { result: document });
    });
  },
);

/** Checks the counts of the records, too. */
async function load({ folder, json }: Stand, listId: string, rows: number) {
  const path = join(folder, `${listId}.csv`);
  const expected = await writeLeads({ path, rows, suppressions: SUPPRESSIONS });
  const ended = await json<PrintedLoad>([
    'list',
    'load',
    `${listId}.csv`,
    '--list',
    listId,
    '--campaign',
    'C1',
  ]);
  expect(ended.document.counts, ended.stderr.slice(-1_000)).toEqual({ total: rows, pending: 0, ...expected });
  expect(ended.code).toBe(3);
  return ended;
}
