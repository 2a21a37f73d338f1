/** One contact import under chaos. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ContactImportInput } from '../../../src/contract/contact-import.ts';
import type { Stand } from '../../faults/stand.ts';
import { apiShape, csv, rowAt } from '../../scenarios/contacts.ts';
import type { ImportPlan } from '../plan.ts';
import { guid, optedIn } from './people.ts';
import type { Ended, Work } from './work.ts';

const LIST = 'chaos';

export async function startContactImport(stand: Stand, plan: ImportPlan, approval: boolean): Promise<Work> {
  const input = { ...(await prepare(stand, plan)), approval };
  const { runId } = await stand.client().startContactImport(input);
  const seeded = plan.known;
  return {
    runIds: [runId],
    progress: async () => {
      const { lists } = await stand.admin.health();
      return ((lists[LIST] ?? 0) - seeded) / plan.rows.valid;
    },
    startAgain: async () => (await stand.client().startContactImport(input)).runId,
    check: ([ended]) => {
      if (ended) expectRightCounts(plan, ended);
      return Promise.resolve();
    },
  };
}

/** Stages the source, with invalid and duplicate rows at the end, and seeds the contacts that CXone already has. */
async function prepare(stand: Stand, plan: ImportPlan): Promise<ContactImportInput> {
  const { rows, known, existing, withheld, onInDoubt } = plan;
  const path = join(stand.folder, 'contacts.csv');
  const person = (n: number) => rowAt(n, { contactId: guid(n) });
  const numbers = Array.from({ length: rows.valid }, (_, n) => n + 1);
  const wrong = Array.from({ length: rows.invalid }, (_, n) => rowAt(rows.valid + n + 1, { phone: '123' }));
  const again = Array.from({ length: rows.duplicate }, (_, n) => person(n + 1));
  writeFileSync(path, csv([...numbers.map(person), ...wrong, ...again]));
  // Contacts that CXone already has, spread over all batches.
  const step = Math.max(1, Math.floor(rows.valid / Math.max(1, known)));
  const seeded = Array.from({ length: known }, (_, n) => apiShape(person(1 + ((n * step) % rows.valid))));
  if (known > 0) await stand.admin.seedList(LIST, seeded);
  if (withheld !== null) await stand.admin.seedPreferences(numbers.slice(withheld).map(optedIn));
  const { source } = await stand.client().stageFile(path);
  return { listId: LIST, source, existing, onInDoubt, ...(withheld !== null && { requireConsent: 'email' }) };
}

/** Every valid record reaches CXone unless the run was cancelled, consent is missing, or the record is in doubt. */
function expectRightCounts(plan: ImportPlan, { state, counts }: Ended): void {
  const { valid, invalid, duplicate } = plan.rows;
  const { created = 0, updated = 0, existing = 0, cancelled = 0, in_doubt: inDoubt = 0 } = counts;
  const reached = created + updated + existing;
  const { ineligible = 0 } = counts;
  const settled = reached + ineligible + cancelled + inDoubt;
  expect({ settled, invalid: counts.invalid ?? 0, duplicate: counts.duplicate ?? 0 }).toEqual({
    settled: valid,
    invalid,
    duplicate,
  });
  if (state === 'cancelled') return;
  expect({ ineligible, cancelled }).toEqual({ ineligible: plan.withheld ?? 0, cancelled: 0 });
  if (plan.duplicatesRefused)
    expect(inDoubt, 'in doubt, although a repetition shows what was applied').toBe(0);
}
