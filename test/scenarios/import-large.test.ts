/**
 * 100,000 contacts: the size at which what grows with the list would show. A million takes `npm run test:million`, which
 * spends most of its time in the simulator and in the check, for both keep every record.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();
const ROWS = Number(process.env.CXFLOW_LARGE_ROWS ?? 100_000);
/** Of the worker's heap: enough for any number of rows that pass through, and too little where 110,000 are kept. */
const HEAP_MEGABYTES = 72;
/** Of all its memory, beside what 10,000 rows took. Measured: none. */
const MOST_MEGABYTES_MORE = 40;
/** By batches it would be thousands. */
const MOST_EVENTS = Math.max(200, ROWS / 1_000);

it(`imports ${ROWS.toLocaleString('en')} contacts with a short history and flat memory`, {
  timeout: 600_000 * Math.max(1, ROWS / 100_000),
}, async () => {
  const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}` };
  await onStand({ env }, async ({ folder, cxflow: run, client, admin, worker, conserved }) => {
    await importFew(folder, run);
    const megabytesForFew = megabytesAtMost(worker.pid);
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
    expect(historyLength).toBeLessThan(MOST_EVENTS);
    const more = megabytesAtMost(worker.pid) - megabytesForFew;
    console.log(`the worker's memory: ${Math.round(megabytesForFew)} MB, and ${Math.round(more)} MB more`);
    expect(more, 'MB more than for 10,000 rows').toBeLessThan(MOST_MEGABYTES_MORE);
    expect(await admin.journal({ list: 'L1' })).toHaveLength(expected.valid);
    await conserved(result.runId, { result });
  });
});

/** For the comparison: what Node, Temporal's core and their caches take anyway. */
async function importFew(folder: string, run: Stand['cxflow']): Promise<void> {
  await writeDemoContacts({ path: join(folder, 'few.csv'), rows: 10_000 });
  const { code } = await run(['contacts', 'import', 'few.csv', '--list', 'L0', '--json']);
  expect(code).toBe(3);
}

/** The most that was resident at any time. Errors: where there is no /proc, nothing is known. */
function megabytesAtMost(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmHWM`);
  return Number(kilobytes) / 1024;
}
