/** Compares the simulator's journal of preferences with the ledger: none is missing, applied twice or unaccounted for. */
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { Outcome } from '../../src/domain/run.ts';
import type { Database } from '../../src/ledger/database.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { AdminClient } from '../../src/simulator/admin-client.ts';
import { checkEachBatchWasClaimed } from './claimed-batches.ts';

interface Settled {
  /** The item's idempotency key: unique to one record of one run, unless the source has its own keys. */
  readonly key: string;
  readonly outcome: Outcome | 'pending';
  /** The record belongs to a write whose answer is not known. */
  readonly unknown: boolean;
}

export async function checkPreferences(database: Database, admin: AdminClient, run: Run): Promise<void> {
  const { db } = database;
  const { rows } = await sql<Settled>`
    select r.record->>'idempotencyKey' as key, coalesce(o.outcome, 'pending') as outcome,
      o.seq is null and exists (select 1 from writes p where p.run_no = r.run_no and r.seq = any(p.seqs)
        and p.state in ('sending', 'unanswered')) as unknown
    from records r left join outcomes o using (run_no, seq)
    where r.run_no = ${run.run_no} and r.record is not null`.execute(db);
  const settled = new Map(rows.map((row) => [row.key, row]));
  const applied = (await admin.preferenceJournal())
    .filter(({ action, idempotencyKey }) => action === 'update' && settled.has(idempotencyKey))
    .map(({ idempotencyKey }) => idempotencyKey);
  expect(applied.length, 'items that CXone applied twice').toBe(new Set(applied).size);
  const inCxone = new Set(applied);
  const updated = rows.filter(({ outcome }) => outcome === 'updated').map(({ key }) => key);
  expect(
    updated.filter((key) => !inCxone.has(key)),
    'updated according to the ledger, but not in CXone',
  ).toEqual([]);
  const unexplained = applied.filter((key) => !mayBeApplied(settled.get(key)));
  expect(
    unexplained.map((key) => settled.get(key)),
    'applied in CXone, but not according to the ledger',
  ).toEqual([]);
  await checkEachBatchWasClaimed(database, admin, run, {
    path: '/api/v2/preferences/batch',
    kind: 'update',
    knownBy: sql`r.record->>'idempotencyKey'`,
  });
}

/** A conflict is possible: the answer was lost, and a newer preference was stored before the request was repeated. */
function mayBeApplied(settled: Settled | undefined): boolean {
  if (!settled) return false;
  const { outcome, unknown } = settled;
  return ['updated', 'in_doubt', 'conflict'].includes(outcome) || unknown;
}
