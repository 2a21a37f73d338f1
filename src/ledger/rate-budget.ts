/** One rate budget for one tenant over all workers (decisions.md 17): paced, never counted in windows. */
import { sql } from 'kysely';
import type { Database } from './database.ts';

export function createRateBudget({ db }: Database) {
  return {
    /** Takes permits from the common line. Returns how long until the first of them may be used, in milliseconds. */
    async take(tenant: string, intervalMs: number, permits: number): Promise<number> {
      const { rows } = await sql<{ wait_ms: number }>`
        select wait_ms from take_rate_permits(${tenant}, ${intervalMs}, ${permits})`.execute(db);
      return rows[0]?.wait_ms ?? 0;
    },

    /** A 429: nobody of this tenant claims anything for so long. */
    async block(tenant: string, ms: number): Promise<void> {
      await sql`select block_rate(${tenant}, ${ms})`.execute(db);
    },
  };
}

export type RateBudget = ReturnType<typeof createRateBudget>;
