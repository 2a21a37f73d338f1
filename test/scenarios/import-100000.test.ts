/** 100,000 contacts: the size at which what grows with the list would show. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeDemoContacts } from '../../src/cli/demo-contacts.ts';
import type { ContactImportResult } from '../../src/contract.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();
/** Of the worker's heap: enough for any number of rows that pass through, and too little where 110,000 are kept. */
const HEAP_MEGABYTES = 72;
/** Of all its memory, beside what a tenth of the rows took. Measured: none. */
const MOST_MEGABYTES_MORE = 40;
/** By batches it would be thousands. */
const MOST_EVENTS = 200;

it('imports 100,000 contacts with a short history and flat memory', async () => {
  const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}` };
  await onStand({ env }, async ({ folder, cxflow: run, client, admin, worker, conserved }) => {
    await importFew(folder, run);
    const megabytesForFew = megabytesAtMost(worker.pid);
    const expected = await writeDemoContacts({ path: join(folder, 'contacts.csv'), rows: 100_000 });
    const ended = await run(['contacts', 'import', 'contacts.csv', '--list', 'L1', '--json']);
    const result = JSON.parse(ended.stdout) as ContactImportResult;
    expect(ended.code).toBe(3);
    expect(result.counts).toEqual({
      total: 100_000,
      pending: 0,
      created: expected.valid,
      invalid: expected.invalid,
      duplicate: expected.duplicate,
    });
    expect(ended.stderr).toMatch(/writing to CXone: [\d,]+ of 100,000 \(\d+\.\d %\)/);

    const { historyLength } = await client.temporal.workflow.getHandle(result.runId).describe();
    expect(historyLength).toBeLessThan(MOST_EVENTS);
    const more = megabytesAtMost(worker.pid) - megabytesForFew;
    console.log(`the worker's memory: ${Math.round(megabytesForFew)} MB, and ${Math.round(more)} MB more`);
    expect(more, 'MB more than for a tenth of the rows').toBeLessThan(MOST_MEGABYTES_MORE);
    expect(await admin.journal({ list: 'L1' })).toHaveLength(expected.valid);
    await conserved(result.runId, { result });
  });
});

/** A tenth, for the comparison: what Node, Temporal's core and their caches take anyway. */
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
