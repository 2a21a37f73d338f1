/** The rate budget in PostgreSQL: the functions `take_rate_permits` and `block_rate`. */
import { sql } from 'kysely';
import { addAuditEntry } from '../audit/entries.sql.ts';
import { readTogether } from '../coalesce.ts';
import type { Database, Executor } from '../database.ts';
import {
  type LiftDecision,
  type RateBlock,
  type RateBudget,
  type TenantBudget,
  tenantOf,
  toQueue,
} from './rate-budget.ts';

export function createRateBudget({ db }: Database): RateBudget {
  return {
    async take(tenant, intervalMs, permits, maxWaitMs) {
      const { rows } = await sql<{ wait_ms: number }>`
        select wait_ms from take_rate_permits(${tenant}, ${intervalMs}, ${permits}, ${maxWaitMs})`.execute(
        db,
      );
      return rows[0]?.wait_ms ?? 0;
    },

    // Each lookup of each write in flight asks.
    blockedMs: readTogether((tenant: string) => getBlockedMs(db, tenant)),

    async block(tenant, ms, reason) {
      await sql`select block_rate(${tenant}, ${ms}, ${reason})`.execute(db);
    },

    list: () => list(db),
    lift: (tenant, decision) => db.transaction().execute((tx) => lift(tx, tenant, decision)),
  };
}

async function getBlockedMs(db: Executor, tenant: string): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from blocked_until - clock_timestamp()) * 1000)::float as ms
    from rate_budgets where tenant = ${tenant} and blocked_until > clock_timestamp()`.execute(db);
  return rows[0]?.ms ?? 0;
}

async function list(db: Executor): Promise<TenantBudget[]> {
  const budgets = await db
    .selectFrom('rate_budgets')
    .select(['tenant as key', 'next_free_at as nextFreeAt'])
    .orderBy('tenant')
    .execute();
  const blocks = await inForce(db).execute();
  return [...new Set(budgets.map(({ key }) => tenantOf(key)))].map((tenant) => {
    const own = budgets.find(({ key }) => key === tenant);
    const prefix = toQueue(tenant, '');
    const queues = budgets
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ key, nextFreeAt }) => ({ name: key.slice(prefix.length), nextFreeAt }));
    const block = blocks.find((each) => each.tenant === tenant);
    return { tenant, nextFreeAt: own?.nextFreeAt ?? null, queues, block: block ? toBlock(block) : null };
  });
}

async function lift(tx: Executor, tenant: string, { by, reason }: LiftDecision): Promise<RateBlock | null> {
  const found = await inForce(tx).where('tenant', '=', tenant).forUpdate().executeTakeFirst();
  if (!found) return null;
  const block = toBlock(found);
  // Before migration 0003 a block could move the next request to its end.
  await sql`update rate_budgets set blocked_until = '-infinity', next_free_at = least(next_free_at, clock_timestamp())
    where tenant = ${tenant}`.execute(tx);
  await addAuditEntry(tx, { runId: `limits:${tenant}`, action: 'block_lifted', data: { by, reason, block } });
  return block;
}

const inForce = (db: Executor) =>
  db
    .selectFrom('rate_budgets')
    .select(['tenant', 'blocked_since', 'blocked_until', 'block_reason'])
    .where('blocked_until', '>', sql<Date>`clock_timestamp()`);

interface BlockedRow {
  readonly tenant: string;
  readonly blocked_since: Date | null;
  readonly blocked_until: Date;
  readonly block_reason: string | null;
}

/** Both are set since migration 0003, which also describes the blocks before it. */
function toBlock({ tenant, blocked_since, blocked_until: until, block_reason }: BlockedRow): RateBlock {
  return { tenant, since: blocked_since ?? until, until, reason: block_reason ?? 'a 429' };
}
