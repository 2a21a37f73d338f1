/**
 * Compares the simulator's journal of campaign lists with the ledger: no item is missing, loaded twice or unaccounted for, none was
 * sent without a claim or before a better one, none is about somebody whom CXone suppresses, and the campaign is not overfull.
 */
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { ListLoadInput } from '../../src/contract/list-load.ts';
import { identifyEntry } from '../../src/domain/identifiers.ts';
import { identifiersOf } from '../../src/domain/list-load/identity.ts';
import type { Outcome } from '../../src/domain/run.ts';
import type { Database } from '../../src/ledger/database.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { AdminClient } from '../../src/simulator/admin-client.ts';
import type { ItemEntry } from '../../src/simulator/lists.state.ts';
import { checkEachBatchWasClaimed } from './claimed-batches.ts';

interface Settled {
  /** The item, as it is sent. */
  readonly item: string;
  readonly outcome: Outcome | 'pending';
  readonly evidence: string | null;
  /** The record belongs to a write whose answer is not known. */
  readonly unknown: boolean;
  readonly line: number;
  readonly score: number;
  /** Milliseconds; null counts as the oldest. */
  readonly recency: number | null;
  /** It was sent at most once, so it came in its turn. */
  readonly isSentOnce: boolean;
}

export interface ItemCheck {
  /** How many contacts or items CXone has twice because they were resent on an operator's decision; default 0. */
  readonly heldTwice?: number | undefined;
  /**
   * Whether other runs wrote to the same list. If so, their contacts or items are ignored; otherwise every journal entry must
   * belong to this run.
   */
  readonly isListShared?: boolean | undefined;
  /** Suppressions came after the upload, so people in the list may be suppressed by now. */
  readonly isSuppressedLater?: boolean | undefined;
}

export async function checkItems(
  database: Database,
  admin: AdminClient,
  run: Run,
  { heldTwice = 0, isListShared = false, isSuppressedLater = false }: ItemCheck,
): Promise<void> {
  const settled = await settledItems(database, run);
  const journal = (await admin.itemJournal(run.target)).filter(
    ({ action, item }) => action === 'create' && (!isListShared || settled.has(JSON.stringify(item))),
  );
  const created = journal.map(({ item }) => JSON.stringify(item));
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
  if (heldTwice === 0) expect(repeatedKeys(journal), 'keys that the list has twice').toEqual([]);
  checkOrder(created.flatMap((item) => settled.get(item) ?? []));
  if (!isSuppressedLater) await checkSuppressions(admin, journal);
  await checkCapacity(admin, run);
  await checkEachBatchWasClaimed(database, admin, run, {
    path: `/api/v2/lists/${encodeURIComponent(run.target)}/items`,
    kind: 'load',
    knownBy: sql`r.record->'deduplicationKeys'->0->>'value'`,
  });
}

/** Two rows may be the same item: then only the one that is not a duplicate matters. */
async function settledItems({ db }: Database, run: Run): Promise<ReadonlyMap<string, Settled>> {
  const { rows } = await sql<Settled>`
    select r.record::text as item, coalesce(o.outcome, 'pending') as outcome, o.evidence,
      o.seq is null and exists (select 1 from writes p where p.run_no = r.run_no and r.seq = any(p.seqs)
        and p.state in ('sending', 'unanswered')) as unknown,
      r.line, r.score, (extract(epoch from r.recency) * 1000)::float8 as recency,
      (select coalesce(sum(attempts), 0) <= 1 from writes p where p.run_no = r.run_no and r.seq = any(p.seqs))
        as "isSentOnce"
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

function repeatedKeys(journal: readonly ItemEntry[]): readonly string[] {
  const seen = new Set<string>();
  const keys = journal.flatMap(({ item }) => item.deduplicationKeys.map(({ value }) => value));
  return keys.filter((key) => seen.has(key) || !seen.add(key));
}

/** Only what is sent again may come later than its rank says. */
function checkOrder(created: readonly Settled[]): void {
  const sentOnce = created.filter(({ isSentOnce }) => isSentOnce);
  const late = sentOnce.filter((each, i) => {
    const before = sentOnce[i - 1];
    return before !== undefined && compareRanks(before, each) > 0;
  });
  expect(late, 'items that were created after one of a lower rank').toEqual([]);
}

/** Written anew here, so that it does not share a mistake with the product. */
function compareRanks(a: Settled, b: Settled): number {
  if (a.score !== b.score) return b.score - a.score;
  const [first, second] = [a.recency ?? -Infinity, b.recency ?? -Infinity];
  if (first !== second) return second - first;
  return a.line - b.line;
}

/** Of a long list of suppressions only the first entries are compared. */
async function checkSuppressions(admin: AdminClient, journal: readonly ItemEntry[]): Promise<void> {
  const { entries } = await admin.suppressions({ limit: 100_000 });
  const suppressed = new Set(
    entries.flatMap((entry) =>
      typeof entry === 'object' && entry !== null ? identifyEntry(entry).identifiers : [],
    ),
  );
  const wrong = journal.filter(({ item }) => identifiersOf(item).some((each) => suppressed.has(each)));
  expect(wrong, 'items about people whom CXone suppresses').toEqual([]);
}

async function checkCapacity(admin: AdminClient, run: Run): Promise<void> {
  const { campaignId } = run.input as ListLoadInput;
  const { currentListSize = 0, maxListSize, listCapacity } = await admin.campaignCapacity(campaignId);
  expect(currentListSize, `items of campaign ${campaignId}`).toBeLessThanOrEqual(
    maxListSize ?? listCapacity ?? Infinity,
  );
}
