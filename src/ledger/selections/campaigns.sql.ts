/** Campaigns in PostgreSQL. */
import { type Selectable, sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import { canonicalize, sha256 } from '../hashing.ts';
import type { CampaignSnapshotsTable } from '../schema-selections.ts';
import type { CampaignKey, CampaignLock, CampaignRead, Campaigns, Snapshot } from './campaigns.ts';

export function createCampaigns({ db }: Database): Campaigns {
  return {
    getSnapshot: (id) => getSnapshot(db, id),
    saveSnapshot: async (campaign, read) => getSnapshot(db, await saveSnapshot(db, campaign, read)),
    findVersion: (campaign, version) => findVersion(db, campaign, version),
    acquireLock: async (lock, leaseMs) =>
      (await tryLock(db, lock, leaseMs)) ? 0 : remainingLockMs(db, lock),
    releaseLock: (lock) => releaseLock(db, lock),
  };
}

async function getSnapshot(db: Executor, id: string): Promise<Snapshot> {
  const row = await db
    .selectFrom('campaign_snapshots')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return toSnapshot(row);
}

async function saveSnapshot(
  db: Executor,
  { tenant, campaignId }: CampaignKey,
  { version, document, selection }: CampaignRead,
): Promise<string> {
  const { id } = await db
    .insertInto('campaign_snapshots')
    .values({
      tenant,
      campaign_id: campaignId,
      version,
      document: JSON.stringify(document),
      selection: JSON.stringify(selection),
      document_sha256: sha256(canonicalize(document)),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'campaign_id', 'version', 'document_sha256'])
        .doUpdateSet({ read_at: new Date() }),
    )
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

async function findVersion(
  db: Executor,
  { tenant, campaignId }: CampaignKey,
  version: number,
): Promise<Snapshot | null> {
  const row = await db
    .selectFrom('campaign_snapshots')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('campaign_id', '=', campaignId)
    .where('version', '=', String(version))
    .orderBy('read_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ? toSnapshot(row) : null;
}

async function tryLock(
  db: Executor,
  { tenant, campaignId, runNo, token }: CampaignLock,
  leaseMs: number,
): Promise<boolean> {
  const { rows } = await sql`
    insert into campaign_locks as known (tenant, campaign_id, run_no, token, locked_until)
    values (${tenant}, ${campaignId}, ${runNo}, ${token},
      clock_timestamp() + ${leaseMs} * interval '1 millisecond')
    on conflict (tenant, campaign_id) do update
      set run_no = excluded.run_no, token = excluded.token, locked_until = excluded.locked_until
      where known.locked_until <= clock_timestamp() or known.run_no = excluded.run_no
    returning 1`.execute(db);
  return rows.length > 0;
}

/** At least 1: the lock may have been released in between. */
async function remainingLockMs(db: Executor, { tenant, campaignId }: CampaignKey): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from locked_until - clock_timestamp()) * 1000)::float as ms from campaign_locks
    where tenant = ${tenant} and campaign_id = ${campaignId}`.execute(db);
  return Math.max(1, Math.ceil(rows[0]?.ms ?? 1));
}

async function releaseLock(db: Executor, { tenant, campaignId, token }: CampaignLock): Promise<void> {
  await db
    .deleteFrom('campaign_locks')
    .where('tenant', '=', tenant)
    .where('campaign_id', '=', campaignId)
    .where('token', '=', token)
    .execute();
}

function toSnapshot(row: Selectable<CampaignSnapshotsTable>): Snapshot {
  const { id, campaign_id: campaignId, selection, read_at: readAt } = row;
  const document = row.document as Readonly<Record<string, unknown>>;
  return { id, campaignId, version: Number(row.version), document, selection, readAt };
}
