/** Claims in PostgreSQL: the function `claim_writes`. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import type { Claim, Claimed } from './claims.ts';

interface ClaimRow {
  readonly claimed_id: string;
  readonly verdict: Claimed['verdict'];
  readonly new_fence: number;
  readonly new_lost_answers: number;
  readonly wait_ms: number;
  readonly payload: string | null;
}

/** All in one statement. They share run, lease, holder and tenant. */
export async function claimWrites(db: Executor, claims: readonly Claim[]): Promise<readonly Claimed[]> {
  const [first] = claims;
  if (!first) return [];
  const ids = [...new Set(claims.map(({ id }) => id))];
  const { rows } = await sql<ClaimRow>`
    select * from claim_writes(${first.runNo}, ${ids}::bigint[], ${first.leaseMs}, ${first.holder},
      ${first.tenant})`.execute(db);
  const byId = new Map(rows.map((row) => [row.claimed_id, toClaimed(row)]));
  return claims.map(({ id, leaseMs }) => {
    const claimed = byId.get(id);
    if (!claimed) throw new Error(`claim_writes returned nothing for write ${id}`);
    // Of two claims of the same write the first one gets it; the second one meets its lease.
    if (claimed.verdict === 'claimed') byId.set(id, { verdict: 'leased', waitMs: leaseMs });
    return claimed;
  });
}

function toClaimed(row: ClaimRow): Claimed {
  const { verdict, wait_ms } = row;
  if (verdict === 'claimed')
    return {
      verdict,
      fence: row.new_fence,
      lostAnswers: row.new_lost_answers,
      payload: row.payload ?? '[]',
    };
  if (verdict === 'blocked' || verdict === 'leased') return { verdict, waitMs: wait_ms };
  return { verdict };
}
