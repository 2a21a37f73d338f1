/** The rate budget in PostgreSQL: the functions `take_rate_permits` and `block_rate`. */
import { sql } from 'kysely';
import type { Database } from '../database.ts';
import type { RateBudget } from './rate-budget.ts';

export function createRateBudget({ db }: Database): RateBudget {
  return {
    async take(tenant, intervalMs, permits, maxWaitMs) {
      const { rows } = await sql<{ wait_ms: number }>`
        select wait_ms from take_rate_permits(${tenant}, ${intervalMs}, ${permits}, ${maxWaitMs})`.execute(
        db,
      );
      return rows[0]?.wait_ms ?? 0;
    },

    async blockedMs(tenant) {
      const { rows } = await sql<{ ms: number }>`
        select (extract(epoch from blocked_until - clock_timestamp()) * 1000)::float as ms
        from rate_budgets where tenant = ${tenant} and blocked_until > clock_timestamp()`.execute(db);
      return rows[0]?.ms ?? 0;
    },

    async block(tenant, ms) {
      await sql`select block_rate(${tenant}, ${ms})`.execute(db);
    },
  };
}
