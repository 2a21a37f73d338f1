/**
 * Compares the simulator's journal of campaign lists with the ledger: no item is missing, loaded twice or unaccounted for, none was
 * sent without a claim, and the campaign is not overfull.
 */
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { ListLoadInput } from '../../src/contract/list-load.ts';
import type { Outcome } from '../../src/domain/run.ts';
import type { Database } from '../../src/ledger/database.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { AdminClient } from '../../src/simulator/admin-client.ts';

interface Settled {
  /** The item, as it is sent. */
  readonly item: string;
  readonly outcome: Outcome | 'pending';
  readonly evidence: string | null;
  /** The record belongs to a write whose answer is not known. */
  readonly unknown: boolean;
}

export interface ItemCheck {
  /** How many items CXone has twice because they were resent on an operator's decision; default 0. */
  readonly heldTwice?: number | undefined;
  /** Whether other runs wrote to the same list: their items are ignored. */
  readonly isListShared?: boolean | undefined;
}

export async function checkItems(
  database: Database,
  admin: AdminClient,
  run: Run,
  { heldTwice = 0, isListShared = false }: ItemCheck,
): Promise<void> {
  const settled = await settledItems(database, run);
  const created = (await admin.itemJournal(run.target))
    .filter(({ action }) => action === 'create')
    .map(({ item }) => JSON.stringify(item))
    .filter((item) => !isListShared || settled.has(item));
  const inCxone = new Set(created);
  expect(created.length - inCxone.size, 'items that CXone has twice').toBe(heldTwice);
  expect(
    [...settled.values()].filter(({ item, outcome }) => outcome === 'created' && !inCxone.has(item)),
    'created according to the ledger, but not in CXone',
  ).toEqual([]);
  expect(
    [...inCxone].filter((item) => !mayBeCreated(settled.get(item))).map((item) => settled.get(item) ?? item),
    'created in CXone, but not according to the ledger',
  ).toEqual([]);
  await checkCapacity(admin, run);
  await checkItemsWereClaimed(database, admin, run);
}

/** Two rows may be the same item: then only the one that is not a duplicate matters. */
async function settledItems({ db }: Database, run: Run): Promise<ReadonlyMap<string, Settled>> {
  const { rows } = await sql<Settled>`
    select r.record::text as item, coalesce(o.outcome, 'pending') as outcome, o.evidence,
      o.seq is null and exists (select 1 from writes p where p.run_no = r.run_no and r.seq = any(p.seqs)
        and p.state in ('sending', 'unanswered')) as unknown
    from records r left join outcomes o using (run_no, seq)
    where r.run_no = ${run.run_no} and r.record is not null and o.outcome is distinct from 'duplicate'`.execute(
    db,
  );
  return new Map(rows.map((row) => [row.item, row]));
}

/** Whether the ledger's record of an item is consistent with CXone having created it for this run. */
function mayBeCreated(settled: Settled | undefined): boolean {
  if (!settled) return false;
  const { outcome, evidence, unknown } = settled;
  return outcome === 'created' || outcome === 'in_doubt' || evidence === 'own_write_or_existing' || unknown;
}

async function checkCapacity(admin: AdminClient, run: Run): Promise<void> {
  const { campaignId } = run.input as ListLoadInput;
  const { currentListSize = 0, maxListSize, listCapacity } = await admin.campaignCapacity(campaignId);
  expect(currentListSize, `items of campaign ${campaignId}`).toBeLessThanOrEqual(
    maxListSize ?? listCapacity ?? Infinity,
  );
}

/** After a 401 the client repeats the request once without another claim. The simulator keeps the most recent requests only. */
async function checkItemsWereClaimed({ db }: Database, admin: AdminClient, run: Run): Promise<void> {
  const path = `/lists/${encodeURIComponent(run.target)}/items`;
  const posts = (await admin.requests(10_000)).filter(
    (request) =>
      request.method === 'POST' && request.path.endsWith(path) && !request.isProbe && request.status !== 401,
  );
  const { rows } = await sql<{ claims: number }>`
    select coalesce(sum(attempts), 0)::int as claims from writes join runs using (run_no)
    where runs.kind = 'listLoad' and runs.target = ${run.target}`.execute(db);
  expect(posts.length, 'POSTs of items compared with claims').toBeLessThanOrEqual(rows[0]?.claims ?? 0);
}
