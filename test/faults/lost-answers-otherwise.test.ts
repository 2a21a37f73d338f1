/** Lost answers if the batch is not simply sent again: with `existing: update`, and at a tenant that accepts duplicates. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ContactImportInput, ContactImportResult } from '../../src/contract/contact-import.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { apiShape, csv, rows } from '../scenarios/contacts.ts';
import { listEvidence, listWriteRequests } from './observe.ts';
import { chooseSeed, LIST, onStand, type Stand } from './stand.ts';

const POSTS = { method: 'POST', family: 'contactlists' } as const;
const PUTS = { method: 'PUT', family: 'contactlists' } as const;
const LOST_ANSWERS: readonly FaultRule[] = [
  { match: POSTS, probability: 0.2, fault: { reset: 'after' } },
  { match: POSTS, probability: 0.1, fault: { reset: 'before' } },
  { match: POSTS, probability: 0.15, fault: { status: 503, when: 'after' } },
  { match: POSTS, probability: 0.1, fault: { truncate: true } },
];
/** Rare, because contacts are updated one by one and every lost answer makes the page wait. */
const LOST_UPDATES: readonly FaultRule[] = [
  { match: PUTS, probability: 0.02, fault: { reset: 'after' } },
  { match: PUTS, probability: 0.01, fault: { status: 503, when: 'after' } },
  { match: PUTS, probability: 0.01, fault: { status: 503 } },
];

/**
 * A quarter of the contacts of every batch. If CXone had all contacts of a batch, its refusal would be the same as that of a
 * batch that we created and whose answer was lost (docs/adr/0014-lost-answers.md).
 */
const EXISTING = rows(1, 800).filter((_, n) => n % 4 === 0);

async function importRows(
  stand: Stand,
  count: number,
  input: Partial<ContactImportInput>,
): Promise<{ runId: string; result: ContactImportResult }> {
  const path = join(stand.folder, 'contacts.csv');
  writeFileSync(path, csv(rows(1, count)));
  const { source } = await stand.client().stageFile(path);
  const { runId } = await stand.client().startContactImport({ listId: LIST, source, ...input });
  return { runId, result: await stand.ended(runId) };
}

const countInjected = async (stand: Stand): Promise<number> =>
  (await stand.admin.faults()).reduce((sum, { injected }) => sum + injected, 0);

describe.concurrent('lost answers with --existing update', () => {
  const processes = useProcesses();
  it('update the contacts that existed, create the rest, and write no contact twice', async () => {
    const seed = chooseSeed(21);
    await onStand(processes, { seed, faults: [...LOST_ANSWERS, ...LOST_UPDATES] }, async (stand) => {
      await stand.admin.seedList(LIST, EXISTING.map(apiShape));
      await stand.readyWorker();
      const { runId, result } = await importRows(stand, 800, { existing: 'update' });
      const counts = await stand.conserved(runId, { result });
      // A contact named by the 409 after a lost answer was created by us or existed before; either way it was updated.
      expect((counts.created ?? 0) + (counts.updated ?? 0)).toBe(800);
      expect(counts.updated).toBeGreaterThanOrEqual(200);
      const held = await stand.admin.records(LIST);
      expect(held.total, 'contacts in the list').toBe(800);
      const journal = await stand.admin.journal({ list: LIST });
      const updated = new Set(journal.flatMap((e) => (e.action === 'update' ? [e.contactId] : [])));
      for (const { contactId } of EXISTING)
        expect(updated, 'updated contacts, which existed before').toContain(contactId);
      expect(await countInjected(stand)).toBeGreaterThan(5);
    });
  });
});

describe.concurrent('lost answers with CXONE_DUPLICATES_REFUSED=false', () => {
  const processes = useProcesses();
  it('leave every such batch in doubt, and nothing is sent twice', async () => {
    const seed = chooseSeed(22);
    const options = { seed, faults: LOST_ANSWERS, simulatorArgs: ['--accept-duplicates'] };
    const env = { CXONE_DUPLICATES_REFUSED: 'false' };
    await onStand(processes, { ...options, env }, async (stand) => {
      await stand.readyWorker();
      const { runId, result } = await importRows(stand, 3_000, { onInDoubt: 'leave' });
      const counts = await stand.conserved(runId, { result });
      expect((counts.created ?? 0) + (counts.in_doubt ?? 0)).toBe(3_000);
      const inDoubt = (counts.in_doubt ?? 0) / 100;
      expect(inDoubt, 'batches in doubt').toBe(await countInjected(stand));
      expect(inDoubt).toBeGreaterThan(5);
      expect(await listWriteRequests(stand), 'POSTs, one for each batch').toHaveLength(30);
      expect(await listEvidence(stand, 'created'), 'evidence of created contacts').toEqual([]);
      const { total } = await stand.admin.records(LIST);
      expect(total, 'contacts in the list, including some that are in doubt').toBeGreaterThan(
        counts.created ?? 0,
      );
    });
  });
});
