/** Claims: what a write must have before its request leaves. Judged by `claim_writes` in PostgreSQL. */
import { sql } from 'kysely';
import type { Database } from '../database.ts';

/** A lease outlives the longest request by this margin (decisions.md 14). */
export const LEASE_MARGIN_MS = 5_000;

export interface Claim {
  readonly runNo: number;
  readonly id: string;
  readonly leaseMs: number;
  readonly holder: string;
  readonly tenant: string;
}

export type Claimed =
  | {
      readonly verdict: 'claimed';
      readonly fence: number;
      /** How many of its answers were lost before this claim. */
      readonly lostAnswers: number;
      /** Its records as a JSON array, in the order of the source: the very text that was hashed. */
      readonly payload: string;
    }
  | { readonly verdict: 'blocked' | 'leased'; readonly waitMs: number }
  | { readonly verdict: 'paused' | 'stopped' | 'settled' };

interface ClaimRow {
  readonly claimed_id: string;
  readonly verdict: Claimed['verdict'];
  readonly new_fence: number;
  readonly new_lost_answers: number;
  readonly wait_ms: number;
  readonly payload: string | null;
}

/** In one statement. */
export async function sendClaims(db: Database['db'], claims: readonly Claim[]): Promise<readonly Claimed[]> {
  const [first] = claims;
  if (!first) return [];
  // One that is asked for twice is claimed by the first of them; the other one finds its lease.
  const ids = [...new Set(claims.map(({ id }) => id))];
  const { rows } = await sql<ClaimRow>`
    select * from claim_writes(${first.runNo}, ${ids}::bigint[], ${first.leaseMs}, ${first.holder},
      ${first.tenant})`.execute(db);
  const byId = new Map(rows.map((row) => [row.claimed_id, claimedOf(row)]));
  return claims.map(({ id, leaseMs }) => {
    const claimed = byId.get(id);
    if (!claimed) throw new Error(`claim_writes answered nothing for write ${id}`);
    if (claimed.verdict === 'claimed') byId.set(id, { verdict: 'leased', waitMs: leaseMs });
    return claimed;
  });
}

function claimedOf({ verdict, new_fence, new_lost_answers, wait_ms, payload }: ClaimRow): Claimed {
  if (verdict === 'claimed') {
    return { verdict, fence: new_fence, lostAnswers: new_lost_answers, payload: payload ?? '[]' };
  }
  if (verdict === 'blocked' || verdict === 'leased') return { verdict, waitMs: wait_ms };
  return { verdict };
}
