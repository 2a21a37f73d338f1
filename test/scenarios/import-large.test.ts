/**
 * 100,000 contacts, enough to show anything that grows with the list. `npm run test:million` imports a million; it spends
 * most of its time in the simulator and in the conservation check, which keep every record.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();
const ROWS = Number(process.env.CXFLOW_LARGE_ROWS ?? 100_000);
/** The worker's heap: enough to stream any number of rows, too little to keep 110,000 of them. */
const HEAP_MEGABYTES = 72;
/** The most that the worker's memory may grow beyond what 10,000 rows needed. Measured: nothing. */
const MAX_GROWTH_MEGABYTES = 40;
/** With an activity for each batch instead of each page there would be thousands. */
const MAX_EVENTS = Math.max(200, ROWS / 1_000);

it(`imports ${ROWS.toLocaleString('en')} contacts with a short history and flat memory`, {
  timeout: 600_000 * Math.max(1, ROWS / 100_000),
}, async () => {
  const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}` };
  await onStand({ env }, async ({ folder, cxflow: run, client, admin, worker, conserved }) => {
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
    expect(historyLength).toBeLessThan(MAX_EVENTS);
    const growth = peakMegabytes(worker.pid) - baseline;
    console.log(`the worker's memory: ${Math.round(baseline)} MB, and ${Math.round(growth)} MB more`);
    expect(growth, 'MB more than for 10,000 rows').toBeLessThan(MAX_GROWTH_MEGABYTES);
    expect(await admin.journal({ list: 'L1' })).toHaveLength(expected.valid);
    await conserved(result.runId, { result });
  });
});

/** A small import before the baseline is measured, so that it includes Node, Temporal's core and their caches. */
async function importFew(folder: string, run: Stand['cxflow']): Promise<void> {
  await writeDemoContacts({ path: join(folder, 'few.csv'), rows: 10_000 });
  const { code } = await run(['contacts', 'import', 'few.csv', '--list', 'L0', '--json']);
  expect(code).toBe(3);
}

/** The peak resident memory. Throws where there is no /proc. */
function peakMegabytes(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmHWM`);
  return Number(kilobytes) / 1024;
}
