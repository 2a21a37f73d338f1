/**
 * 100,000 contacts, enough to show anything that grows with the list. `npm run test:million` imports a million; it spends
 * most of its time in the simulator and in the conservation check, which keep every record.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { peakMegabytes } from '../../bench/machine.ts';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { limitFor, MAX_GROWTH_MEGABYTES, maxEvents, rowsOr, SMALL_HEAP } from './large.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();
const ROWS = rowsOr(100_000);

it(
  `imports ${ROWS.toLocaleString('en')} contacts with a short history and flat memory`,
  limitFor(ROWS),
  async () => {
    await onStand({ env: SMALL_HEAP }, async ({ folder, cxflow: run, client, admin, worker, conserved }) => {
      await importFew(folder, run);
      const baseline = peakMegabytes(worker.pid);
      const expected = await writeDemoContacts({ path: join(folder, 'contacts.csv'), rows: ROWS });
      const ended = await run(['contacts', 'import', 'contacts.csv', '--list', 'L1', '--json']);
      const result = JSON.parse(ended.stdout) as ContactImportResult;
      expect(ended.code).toBe(3);
      expect(result.counts).toEqual({
        total: ROWS,
        pending: 0,
        created: expected.valid,
        invalid: expected.invalid,
        duplicate: expected.duplicate,
      });
      const progress = `writing to CXone: [\\d,]+ of ${ROWS.toLocaleString('en')} \\(\\d+\\.\\d %\\)`;
      expect(ended.stderr).toMatch(new RegExp(progress));

      const { historyLength } = await client.temporal.workflow.getHandle(result.runId).describe();
      expect(historyLength).toBeLessThan(maxEvents(ROWS));
      const growth = peakMegabytes(worker.pid) - baseline;
      console.log(`the worker's memory: ${Math.round(baseline)} MB, and ${Math.round(growth)} MB more`);
      expect(growth, 'MB more than for 10,000 rows').toBeLessThan(MAX_GROWTH_MEGABYTES);
      expect(await admin.journal({ list: 'L1' })).toHaveLength(expected.valid);
      await conserved(result.runId, { result });
    });
  },
);

/** A small import before the baseline is measured, so that it includes Node, Temporal's core and their caches. */
async function importFew(folder: string, run: Stand['cxflow']): Promise<void> {
  await writeDemoContacts({ path: join(folder, 'few.csv'), rows: 10_000 });
  const { code } = await run(['contacts', 'import', 'few.csv', '--list', 'L0', '--json']);
  expect(code).toBe(3);
}
