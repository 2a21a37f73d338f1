/**
 * Statuses that are not part of the contract: redirects and unknown 4xx. They fail the run, and CXone may have applied the
 * request nevertheless.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { csv, rows } from '../scenarios/contacts.ts';
import { listEvidence, listWriteRequests } from './observe.ts';
import { LIST, onStand, type Stand } from './stand.ts';

const POSTS = { method: 'POST', family: 'contactlists' } as const;
const ELSEWHERE = '/api/v2/contactlists/elsewhere/records';
const UNEXPECTED: readonly FaultRule['fault'][] = [
  { status: 307, location: ELSEWHERE, when: 'after' },
  { status: 303, location: ELSEWHERE, when: 'after' },
  { status: 418, when: 'after' },
  { status: 302, location: ELSEWHERE },
];
const FAULTS: readonly FaultRule[] = UNEXPECTED.map((fault, n) => ({
  match: POSTS,
  after: n + 1,
  times: 1,
  fault,
}));

/** Starts the import again after each failure because of such an answer. */
async function importRows(stand: Stand, count: number, input: Partial<ContactImportInput> = {}) {
  const path = join(stand.folder, 'contacts.csv');
  writeFileSync(path, csv(rows(1, count)));
  const client = stand.client();
  const { source } = await client.stageFile(path);
  for (let failures = 0; ; failures += 1) {
    const { runId } = await client.startContactImport({ listId: LIST, source, ...input });
    const end = await stand.ended(runId).catch((error: Error) => error.cause);
    if (!(end instanceof Error))
      return { runId, result: end as Awaited<ReturnType<Stand['ended']>>, failures };
    expect(end).toMatchObject({
      type: 'Refused',
      message: expect.stringMatching(/\((30\d|418)\)/) as string,
    });
    if (failures > UNEXPECTED.length) throw end;
  }
}

describe.concurrent('an answer with an unexpected status', () => {
  const processes = useProcesses();
  it('leaves the batch open; repeating it creates every contact once, and no redirect is followed', async () => {
    await onStand(processes, { faults: FAULTS, env: { CXFLOW_MAX_IN_FLIGHT: '1' } }, async (stand) => {
      await stand.readyWorker();
      const { runId, result, failures } = await importRows(stand, 1_000);
      const counts = await stand.conserved(runId, { result });
      // Of the three that were carried out, the repetition shows only that CXone has them.
      expect(counts).toEqual({ total: 1_000, pending: 0, created: 700, existing: 300 });
      expect(failures).toBe(UNEXPECTED.length);
      expect(await listEvidence(stand, 'existing')).toEqual(['own_write_or_existing']);
      expect((await stand.admin.records(LIST)).total, 'contacts in the list').toBe(1_000);
      expect((await listWriteRequests(stand)).filter(({ path }) => path === ELSEWHERE)).toEqual([]);
    });
  });
});

// Beside the other, so with processes of its own.
describe.concurrent('an answer with an unexpected status to a write that must not be repeated', () => {
  const processes = useProcesses();
  it('leaves the batch in doubt, after sending it once', async () => {
    const env = { CXONE_DUPLICATES_REFUSED: 'false', CXFLOW_MAX_IN_FLIGHT: '1' };
    const simulatorArgs = ['--accept-duplicates'];
    await onStand(processes, { faults: FAULTS, simulatorArgs, env }, async (stand) => {
      await stand.readyWorker();
      const { runId, result } = await importRows(stand, 1_000, { onInDoubt: 'leave' });
      const counts = await stand.conserved(runId, { result });
      expect(counts).toEqual({ total: 1_000, pending: 0, created: 600, in_doubt: 400 });
      expect(await listWriteRequests(stand), 'POSTs, one for each batch').toHaveLength(10);
      expect(
        (await stand.admin.records(LIST)).total,
        'contacts in the list: three of the four batches in doubt were applied',
      ).toBe(900);
    });
  });
});
