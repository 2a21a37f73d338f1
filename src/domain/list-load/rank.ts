/**
 * The order of items: it decides which of two duplicates wins, and what is uploaded first (docs/list-load.md#order). PostgreSQL
 * does the sorting (ledger/writes/rank.sql.ts). Only tests call this rule, one of them to compare the two. Pure.
 */

export interface Ranked {
  /** As it is, not clamped. */
  readonly score: number;
  /** ISO 8601, UTC. null counts as the oldest, so that the order is total. */
  readonly updatedAt: string | null;
  /** Of the source; no two rows have the same. */
  readonly line: number;
}

/** For `sort`: higher score, then newer, then lower line. ISO timestamps in UTC have the same order as texts. */
export function compareRank(a: Ranked, b: Ranked): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.updatedAt !== b.updatedAt) return (a.updatedAt ?? '') > (b.updatedAt ?? '') ? -1 : 1;
  return a.line - b.line;
}
