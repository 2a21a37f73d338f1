/** The simulator's journal of preferences against the ledger: nobody's choice lost, none applied twice, none unaccounted for. */
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { Outcome } from '../../src/domain/run.ts';
import type { Database } from '../../src/ledger/database.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { AdminClient } from '../../src/simulator/admin-client.ts';

interface Settled {
  /** Of the item; each is of one record of one run. */
  readonly key: string;
  readonly outcome: Outcome | 'pending';
  /** Of a write that was sent, and whose answer is not known. */
  readonly unknown: boolean;
}

export async function preferencesAgree({ db }: Database, admin: AdminClient, run: Run): Promise<void> {
  const { rows } = await sql<Settled>`
    select r.record->>'idempotencyKey' as key, coalesce(o.outcome, 'pending') as outcome,
      o.seq is null and exists (select 1 from writes p where p.run_no = r.run_no and r.seq = any(p.seqs)
        and p.state in ('sending', 'unanswered')) as unknown
    from records r left join outcomes o using (run_no, seq)
    where r.run_no = ${run.run_no} and r.record is not null`.execute(db);
  const ours = new Map(rows.map((row) => [row.key, row]));
  const applied = (await admin.preferenceJournal())
    .filter(({ action, idempotencyKey }) => action === 'update' && ours.has(idempotencyKey))
    .map(({ idempotencyKey }) => idempotencyKey);
  expect(applied.length, 'items that CXone applied twice').toBe(new Set(applied).size);
  const inCxone = new Set(applied);
  const said = rows.filter(({ outcome }) => outcome === 'updated').map(({ key }) => key);
  expect(
    said.filter((key) => !inCxone.has(key)),
    'updated in the ledger, not in CXone',
  ).toEqual([]);
  const unsaid = applied.filter((key) => !mayBeApplied(ours.get(key)));
  expect(
    unsaid.map((key) => ours.get(key)),
    'applied in CXone, and the ledger says otherwise',
  ).toEqual([]);
}

/** In conflict: it was applied by a request whose answer was lost, and somebody else's newer one came before the next. */
function mayBeApplied(settled: Settled | undefined): boolean {
  if (!settled) return false;
  const { outcome, unknown } = settled;
  return ['updated', 'in_doubt', 'conflict'].includes(outcome) || unknown;
}
