/** Campaigns as they were when we looked, and whose turn it is to write one. */
import { sql } from 'kysely';
import { canonicalize, sha256 } from '../hashing.ts';
import type { Database } from '../database.ts';

export interface Snapshot {
  readonly id: string;
  readonly campaignId: string;
  readonly version: number;
  readonly document: Readonly<Record<string, unknown>>;
  /** The document's contactSelection, defaults filled in. */
  readonly selection: unknown;
  readonly readAt: Date;
}

export interface CampaignKey {
  readonly tenant: string;
  readonly campaignId: string;
}

export interface CampaignLock extends CampaignKey {
  readonly runNo: number;
  /** Names the holder: of two tries of one run the later has the turn, and the earlier cannot give it back. */
  readonly token: string;
}

export function createCampaigns({ db }: Database) {
  const getSnapshot = async (id: string): Promise<Snapshot> => {
    const row = await db
      .selectFrom('campaign_snapshots')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    return toSnapshot(row);
  };

  return {
    getSnapshot,

    /** The same version with the same content is kept once. Repeatable. */
    async saveSnapshot(
      { tenant, campaignId }: CampaignKey,
      seen: Pick<Snapshot, 'version' | 'document' | 'selection'>,
    ): Promise<Snapshot> {
      const { id } = await db
        .insertInto('campaign_snapshots')
        .values({
          tenant,
          campaign_id: campaignId,
          version: seen.version,
          document: JSON.stringify(seen.document),
          selection: JSON.stringify(seen.selection),
          document_sha256: sha256(canonicalize(seen.document)),
        })
        .onConflict((conflict) =>
          conflict
            .columns(['tenant', 'campaign_id', 'version', 'document_sha256'])
            .doUpdateSet({ read_at: new Date() }),
        )
        .returning('id')
        .executeTakeFirstOrThrow();
      return getSnapshot(id);
    },

    /** The version as we saw it last. */
    async findVersion({ tenant, campaignId }: CampaignKey, version: number): Promise<Snapshot | null> {
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
    },

    /** 0: it is ours. Otherwise how long the other's holds at most, in milliseconds. The same run takes its own over. */
    async acquireLock({ tenant, campaignId, runNo, token }: CampaignLock, leaseMs: number): Promise<number> {
      const { rows } = await sql`
        insert into campaign_locks as l values (${tenant}, ${campaignId}, ${runNo}, ${token},
          clock_timestamp() + ${leaseMs} * interval '1 millisecond')
        on conflict (tenant, campaign_id) do update
          set run_no = excluded.run_no, token = excluded.token, locked_until = excluded.locked_until
          where l.locked_until <= clock_timestamp() or l.run_no = excluded.run_no
        returning 1`.execute(db);
      if (rows.length > 0) return 0;
      const held = await sql<{ ms: number }>`
        select (extract(epoch from locked_until - clock_timestamp()) * 1000)::float as ms from campaign_locks
        where tenant = ${tenant} and campaign_id = ${campaignId}`.execute(db);
      return Math.max(1, Math.ceil(held.rows[0]?.ms ?? 1));
    },

    async releaseLock({ tenant, campaignId, token }: CampaignLock): Promise<void> {
      await db
        .deleteFrom('campaign_locks')
        .where('tenant', '=', tenant)
        .where('campaign_id', '=', campaignId)
        .where('token', '=', token)
        .execute();
    },
  };
}

function toSnapshot(row: {
  id: string;
  campaign_id: string;
  version: string | number;
  document: unknown;
  selection: unknown;
  read_at: Date;
}): Snapshot {
  const { id, campaign_id: campaignId, selection, read_at: readAt } = row;
  const document = row.document as Readonly<Record<string, unknown>>;
  return { id, campaignId, version: Number(row.version), document, selection, readAt };
}

export type Campaigns = ReturnType<typeof createCampaigns>;
