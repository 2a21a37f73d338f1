/** Settlements in PostgreSQL: the function `settle_writes`. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { toStorableJson } from '../storable.ts';
import { toMessageRows } from './messages.sql.ts';
import { countOutcomes, type DerivedWrite, type Settlement } from './settlements.ts';

/** All in one statement. For each: was its fence current? */
export async function settleWrites(
  db: Executor,
  settlements: readonly Settlement[],
): Promise<readonly boolean[]> {
  const { rows } = await sql<{ settled_id: string; settled_fence: number; is_settled: boolean }>`
    select * from settle_writes(${toStorableJson(settlements.map(toRow))}::json)`.execute(db);
  return settlements.map(({ id, fence }) => {
    // Two settlements of one claim have equal ids and fences; each takes one of the two results.
    const at = rows.findIndex((row) => row.settled_id === id && row.settled_fence === fence);
    return at >= 0 && rows.splice(at, 1)[0]?.is_settled === true;
  });
}

function toRow(settlement: Settlement) {
  const { id, fence, state, groups, derived, httpStatus, latencyMs, requestId, audit, event } = settlement;
  return {
    ...{ id, fence, state, groups, audit, event },
    derived: derived.map(withNotBefore),
    counts: countOutcomes(groups),
    http_status: httpStatus,
    latency_ms: latencyMs === null ? null : Math.round(latencyMs),
    request_id: requestId,
    cxone_id: settlement.cxoneId ?? null,
    messages: toMessageRows(settlement.messages, httpStatus),
  };
}

/** It is kept with what the kind of write needs. A moment of the settled write is over. */
function withNotBefore({ notBefore, refs, ...derived }: DerivedWrite) {
  if (notBefore === undefined) return { ...derived, refs };
  return { ...derived, refs: { ...(refs as object | null | undefined), notBefore } };
}
