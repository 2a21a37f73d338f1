/** The tenant of the ledger in PostgreSQL. */
import { sql } from 'kysely';
import type { Database, Executor } from './database.ts';
import { sqlState } from './errors.ts';
import { type LedgerTenant, OtherTenant } from './tenant.ts';
import { toQueue } from './writes/rate-budget.ts';

export function createLedgerTenant({ db }: Database): LedgerTenant {
  return {
    find: () => find(db),
    register: (name) => db.transaction().execute((tx) => register(tx, name)),
  };
}

const UNDEFINED_TABLE = '42P01';

async function find(db: Executor): Promise<string | null> {
  try {
    const row = await db.selectFrom('ledger_tenant').select('name').executeTakeFirst();
    return row?.name ?? null;
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return null;
    throw error;
  }
}

async function register(tx: Executor, name: string): Promise<void> {
  await tx
    .insertInto('ledger_tenant')
    .values({ name })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  // The lock lets workers that start together adopt one after the other.
  const bound = await tx.selectFrom('ledger_tenant').select('name').forUpdate().executeTakeFirstOrThrow();
  if (bound.name !== name) throw new OtherTenant(bound.name, name);
  for (const adopt of [adoptBudgets, adoptLocks, adoptSnapshots]) await adopt(tx, name);
}

/** The longest block stays in force. The queues of the tenant are its own already. */
async function adoptBudgets(tx: Executor, name: string): Promise<void> {
  const isOther = sql<boolean>`tenant <> ${name} and not starts_with(tenant, ${toQueue(name, '')})`;
  await sql`
    insert into rate_budgets as ours (tenant, next_free_at, blocked_until, blocked_since, block_reason)
    select ${name}, next_free_at, blocked_until, blocked_since, block_reason from rate_budgets
      where ${isOther} order by blocked_until desc, next_free_at desc limit 1
    on conflict (tenant) do update set
      next_free_at = greatest(ours.next_free_at, excluded.next_free_at),
      blocked_until = excluded.blocked_until,
      blocked_since = excluded.blocked_since,
      block_reason = excluded.block_reason
      where excluded.blocked_until > ours.blocked_until`.execute(tx);
  await tx.deleteFrom('rate_budgets').where(isOther).execute();
}

/** The longest lock of a campaign stays in force. */
async function adoptLocks(tx: Executor, name: string): Promise<void> {
  await sql`
    insert into campaign_locks as ours (tenant, campaign_id, run_no, token, locked_until)
    select distinct on (campaign_id) ${name}, campaign_id, run_no, token, locked_until from campaign_locks
      where tenant <> ${name} order by campaign_id, locked_until desc
    on conflict (tenant, campaign_id) do update set
      run_no = excluded.run_no, token = excluded.token, locked_until = excluded.locked_until
      where excluded.locked_until > ours.locked_until`.execute(tx);
  await tx.deleteFrom('campaign_locks').where('tenant', '<>', name).execute();
}

/** The same version of a campaign, read under two keys, becomes one snapshot. */
async function adoptSnapshots(tx: Executor, name: string): Promise<void> {
  const { rows } = await sql`select from campaign_snapshots where tenant <> ${name} limit 1`.execute(tx);
  if (rows.length > 0) {
    for (const column of ['base_snapshot', 'from_snapshot']) {
      await sql`
        update selection_updates u set ${sql.ref(column)} = first.id
        from (select id, min(id) over (partition by campaign_id, version, document_sha256) as first_id
          from campaign_snapshots) s, campaign_snapshots first
        where u.${sql.ref(column)} = s.id and first.id = s.first_id and s.id <> s.first_id`.execute(tx);
    }
    await sql`
      delete from campaign_snapshots s using campaign_snapshots first
      where first.id < s.id and first.campaign_id = s.campaign_id and first.version = s.version
        and first.document_sha256 = s.document_sha256`.execute(tx);
    await sql`update campaign_snapshots set tenant = ${name} where tenant <> ${name}`.execute(tx);
  }
  await sql`update selection_updates set tenant = ${name} where tenant <> ${name}`.execute(tx);
}
