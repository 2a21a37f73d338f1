/** Contacts that CXone already has or refuses, and the other contacts of their batches. */
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { apiShape, csv, rowAt, rows } from './contacts.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();

const PUT = 'PUT /api/v2/contactlists/:listId/records/:recordId';
/** Of the 250 contacts in three batches, every fifth of the first 150 already exists in CXone. */
const EXISTING = rows(1, 150).filter((_, i) => i % 5 === 0);

async function importInto(stand: Stand, list: string, ...more: string[]) {
  stand.file('contacts.csv', csv(rows(1, 250)));
  const args = ['contacts', 'import', 'contacts.csv', '--list', list, ...more];
  return stand.json<ContactImportResult & { reasons: unknown[] }>(args);
}

async function puts({ admin }: Stand): Promise<number> {
  const { requests } = await admin.stats();
  return Object.values(requests[PUT] ?? {}).reduce((sum, n) => sum + n, 0);
}

it('--existing skip creates only new contacts; --existing update also sends a PUT for each existing one', async () => {
  await onStand({}, async (stand) => {
    await stand.admin.seedList('L1', EXISTING.map(apiShape));
    const skipped = await importInto(stand, 'L1');
    expect(skipped.document.counts).toEqual({ total: 250, pending: 0, created: 220, existing: 30 });
    expect({ code: skipped.code, puts: await puts(stand) }).toEqual({ code: 0, puts: 0 });
    await stand.conserved(skipped.document.runId, { result: skipped.document });

    await stand.admin.seedList('L2', EXISTING.map(apiShape));
    const updated = await importInto(stand, 'L2', '--existing', 'update');
    expect(updated.document.counts).toEqual({ total: 250, pending: 0, created: 220, updated: 30 });
    expect({ code: updated.code, puts: await puts(stand) }).toEqual({ code: 0, puts: 30 });
    const journal = (await stand.admin.journal({ list: 'L2' })).filter(({ action }) => action === 'update');
    expect(journal.map(({ contactId }) => contactId).toSorted()).toEqual(
      EXISTING.map(({ contactId }) => contactId).toSorted(),
    );
    await stand.conserved(updated.document.runId, { isListShared: true });
  });
});

it('outcomes are the same for tenants that create the rest of a batch and warn, or do not name duplicates', async () => {
  await onStand({ simulatorArgs: ['--non-atomic'] }, async (stand) => {
    await stand.admin.seedList('L3', EXISTING.map(apiShape));
    const warned = await importInto(stand, 'L3', '--existing', 'update');
    expect(warned.document.counts).toEqual({ total: 250, pending: 0, created: 220, updated: 30 });
    await stand.conserved(warned.document.runId, { result: warned.document });

    await stand.admin.change({ atomic: true, naming: 'none' });
    await stand.admin.seedList('L4', EXISTING.slice(0, 3).map(apiShape));
    const halved = await importInto(stand, 'L4');
    expect(halved.document.counts).toEqual({ total: 250, pending: 0, created: 247, existing: 3 });
    await stand.conserved(halved.document.runId, { isListShared: true });
  });
});

const BLOCKED = [rowAt(7).phone, rowAt(130).phone];
const blocking = BLOCKED.flatMap((number) => ['--blocked-number', number]);

it('only the contacts that CXone names in a refusal are rejected, and --retry-of sends just those again', async () => {
  await onStand({ simulatorArgs: blocking }, async (stand) => {
    const { code, document } = await importInto(stand, 'L5');
    expect(code).toBe(3);
    expect(document.counts).toEqual({ total: 250, pending: 0, created: 248, rejected: 2 });
    const records = await stand.cxflow(['records', document.runId, '--outcome', 'rejected']);
    expect(records.stdout).toMatch(/^c-7,.*,8,rejected,NUMBER_BLOCKED \(phoneNumbers\[0\]\.number\)/m);
    expect(records.stdout.trim().split('\n')).toHaveLength(3);
    await stand.conserved(document.runId, { result: document });

    await stand.admin.change({ blockedNumbers: [] });
    const retry = await stand.json<ContactImportResult>(['contacts', 'import', '--retry-of', document.runId]);
    expect(retry.code, retry.stderr).toBe(0);
    expect(retry.document.counts).toEqual({ total: 2, pending: 0, created: 2 });
    await stand.conserved(retry.document.runId, { isListShared: true });
  });
});

it('a batch is divided until the refused contact is alone if the refusal names none', async () => {
  await onStand({ simulatorArgs: [...blocking, '--naming', 'none'] }, async (stand) => {
    const { document } = await importInto(stand, 'L6');
    expect(document.counts).toEqual({ total: 250, pending: 0, created: 248, rejected: 2 });
    // Three batches; the two with a refused record are halved at each level until that record is alone.
    const levels = Math.ceil(Math.log2(100));
    expect(document.requests).toBeLessThanOrEqual(3 + 2 * 2 * levels);
    const records = await stand.cxflow(['records', document.runId, '--outcome', 'rejected']);
    for (const [line, { contactId }] of [
      [8, rowAt(7)],
      [131, rowAt(130)],
    ] as const)
      expect(records.stdout).toMatch(new RegExp(`^${contactId},.*,${line},rejected,`, 'm'));
    expect(records.stdout.trim().split('\n')).toHaveLength(3);
    await stand.conserved(document.runId, { result: document });
  });
});
