/** 100,000 contacts: the size at which what grows with the list would show. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeDemoContacts } from '../../src/cli/demo-contacts.ts';
import type { ContactImportResult } from '../../src/contract.ts';
import { useStand } from './stand.ts';

const onStand = useStand();
/** Node and Temporal's core take about 200 MB; the rows of 100,000 contacts as objects took some 150 MB more. */
const MOST_MEGABYTES = 700;
/** By batches it would be thousands. */
const MOST_EVENTS = 200;

it('imports 100,000 contacts with a short history and flat memory', async () => {
  await onStand({}, async ({ folder, cxflow: run, client, admin, worker, conserved }) => {
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
    expect(megabytesAtMost(worker.pid)).toBeLessThan(MOST_MEGABYTES);
    expect(await admin.journal({ list: 'L1' })).toHaveLength(expected.valid);
    await conserved(result.runId, { result });
  });
});

/** The most that was resident at any time. Linux; elsewhere nothing is measured. */
function megabytesAtMost(pid: number): number {
  try {
    const [, kilobytes = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) / 1024;
  } catch {
    return 0;
  }
}
