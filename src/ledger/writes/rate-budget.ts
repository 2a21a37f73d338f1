/** One rate budget for one tenant over all workers (decisions.md 17): paced, never counted in windows. */
import { sql } from 'kysely';
import type { Database } from '../database.ts';

export function createRateBudget({ db }: Database) {
  return {
    /**
     * Takes permits from the common line, unless the first of them is more than `maxWaitMs` away.
     * Returns how long until the first may be used, in milliseconds; more than `maxWaitMs`: nothing was taken.
     */
    async take(tenant: string, intervalMs: number, permits: number, maxWaitMs: number): Promise<number> {
      const { rows } = await sql<{ wait_ms: number }>`
        select wait_ms from take_rate_permits(${tenant}, ${intervalMs}, ${permits}, ${maxWaitMs})`.execute(
        db,
      );
      return rows[0]?.wait_ms ?? 0;
    },

    /** How long a 429 still keeps everybody from sending; 0: it does not. */
    async blockedMs(tenant: string): Promise<number> {
      const { rows } = await sql<{ ms: number }>`
        select (extract(epoch from blocked_until - clock_timestamp()) * 1000)::float as ms
        from rate_budgets where tenant = ${tenant} and blocked_until > clock_timestamp()`.execute(db);
      return rows[0]?.ms ?? 0;
    },

    /** A 429: nobody of this tenant claims anything for so long. */
    async block(tenant: string, ms: number): Promise<void> {
      await sql`select block_rate(${tenant}, ${ms})`.execute(db);
    },
  };
}

export type RateBudget = ReturnType<typeof createRateBudget>;
