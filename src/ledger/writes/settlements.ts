/** Settlements: what an answer means, in one transaction. Judged by `settle_writes` in PostgreSQL. */
import { sql, type Transaction } from 'kysely';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { Database } from '../database.ts';
import type { LedgerTables } from '../schema.ts';

/** Records of one write that share an outcome. */
export interface SettledGroup {
  readonly outcome: Outcome;
  readonly seqs: readonly number[];
  readonly reasons?: readonly Reason[];
  readonly evidence?: string;
}

/** What is left to do for some records of a settled write: sent again without the others, in halves, as updates. */
export interface DerivedWrite {
  readonly kind: string;
  readonly seqs: readonly number[];
  readonly refs?: unknown;
}

/** More to remember of a settle, in its own transaction. Must be quick: the write is locked meanwhile. */
export type InSettleTransaction = (tx: Transaction<LedgerTables>) => Promise<void>;

export interface Settlement {
  readonly id: string;
  readonly fence: number;
  readonly state: 'settled' | 'in_doubt';
  readonly groups: readonly SettledGroup[];
  readonly derived: readonly DerivedWrite[];
  readonly httpStatus: number | null;
  /** null: there was no answer. */
  readonly latencyMs: number | null;
  readonly requestId: string | null;
  /** For the audit: no personal data. */
  readonly audit: Readonly<Record<string, unknown>>;
  /** The CRM event that this settles, or null. */
  readonly event: string | null;
  /** Called only where the settle is ours. */
  readonly inSettleTransaction?: InSettleTransaction | undefined;
}

/** Texts of CXone's may hold what PostgreSQL's JSON refuses: NUL and half characters. Better a mark than a lost answer. */
function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, text: unknown) =>
    typeof text === 'string' ? text.replace(NOT_TEXT, '\ufffd') : text,
  );
}

const NOT_TEXT = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function countOutcomes(groups: readonly SettledGroup[]): Partial<Record<Outcome, number>> {
  const counts: Partial<Record<Outcome, number>> = {};
  for (const { outcome, seqs } of groups) counts[outcome] = (counts[outcome] ?? 0) + seqs.length;
  return counts;
}

/** In one statement: for each, whether it was ours to settle. */
export async function sendSettlements(
  db: Database['db'],
  settlements: readonly Settlement[],
): Promise<readonly boolean[]> {
  const { rows } = await sql<{ settled_id: string; settled_fence: number; is_settled: boolean }>`
    select * from settle_writes(${jsonText(settlements.map(settlementRow))}::json)`.execute(db);
  return settlements.map(({ id, fence }) => {
    // Of two with the same fence one is settled, whichever.
    const at = rows.findIndex((row) => row.settled_id === id && row.settled_fence === fence);
    return at >= 0 && rows.splice(at, 1)[0]?.is_settled === true;
  });
}

function settlementRow(settlement: Settlement) {
  const { id, fence, state, groups, derived, httpStatus, latencyMs, requestId, audit, event } = settlement;
  return {
    ...{ id, fence, state, groups, derived, audit, event },
    counts: countOutcomes(groups),
    http_status: httpStatus,
    latency_ms: latencyMs === null ? null : Math.round(latencyMs),
    request_id: requestId,
  };
}
