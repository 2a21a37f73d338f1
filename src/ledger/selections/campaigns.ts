/** Campaigns as they were when we looked, and whose turn it is to write one. */
import { sql } from 'kysely';
import { canonicalize, sha256 } from '../runs/business-key.ts';
import type { Database } from '../database.ts';

export interface Snapshot {
  readonly id: string;
  readonly campaignId: string;
  readonly version: number;
  readonly etag: string | null;
  readonly document: Readonly<Record<string, unknown>>;
  /** The document's contactSelection, defaults filled in. */
  readonly selection: unknown;
  readonly readAt: Date;
}

export interface CampaignKey {
  readonly tenant: string;
  readonly campaignId: string;
}

export interface Turn extends CampaignKey {
  readonly runNo: number;
  /** Names the holder: of two tries of one run the later has the turn, and the earlier cannot give it back. */
  readonly ticket: string;
}

export function createCampaigns({ db }: Database) {
  const snapshot = async (id: string): Promise<Snapshot> => {
    const row = await db
      .selectFrom('campaign_snapshots')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    return toSnapshot(row);
  };

  return {
    snapshot,

    /** The same version with the same content is kept once. Repeatable. */
    async keep(
      { tenant, campaignId }: CampaignKey,
      seen: Pick<Snapshot, 'version' | 'etag' | 'document' | 'selection'>,
    ): Promise<Snapshot> {
      const { id } = await db
        .insertInto('campaign_snapshots')
        .values({
          tenant,
          campaign_id: campaignId,
          version: seen.version,
          etag: seen.etag,
          document: JSON.stringify(seen.document),
          selection: JSON.stringify(seen.selection),
          document_sha256: sha256(canonicalize(seen.document)),
        })
        .onConflict((conflict) =>
          conflict
            .columns(['tenant', 'campaign_id', 'version', 'document_sha256'])
            .doUpdateSet({ read_at: new Date(), etag: seen.etag }),
        )
        .returning('id')
        .executeTakeFirstOrThrow();
      return snapshot(id);
    },

    /** The version as we saw it last. */
    async atVersion({ tenant, campaignId }: CampaignKey, version: number): Promise<Snapshot | null> {
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
    async takeTurn({ tenant, campaignId, runNo, ticket }: Turn, leaseMs: number): Promise<number> {
      const { rows } = await sql`
        insert into campaign_turns as t values (${tenant}, ${campaignId}, ${runNo}, ${ticket},
          clock_timestamp() + ${leaseMs} * interval '1 millisecond')
        on conflict (tenant, campaign_id) do update
          set run_no = excluded.run_no, ticket = excluded.ticket, until = excluded.until
          where t.until <= clock_timestamp() or t.run_no = excluded.run_no
        returning 1`.execute(db);
      if (rows.length > 0) return 0;
      const held = await sql<{ ms: number }>`
        select (extract(epoch from until - clock_timestamp()) * 1000)::float as ms from campaign_turns
        where tenant = ${tenant} and campaign_id = ${campaignId}`.execute(db);
      return Math.max(1, Math.ceil(held.rows[0]?.ms ?? 1));
    },

    async endTurn({ tenant, campaignId, ticket }: Turn): Promise<void> {
      await db
        .deleteFrom('campaign_turns')
        .where('tenant', '=', tenant)
        .where('campaign_id', '=', campaignId)
        .where('ticket', '=', ticket)
        .execute();
    },
  };
}

function toSnapshot(row: {
  id: string;
  campaign_id: string;
  version: string | number;
  etag: string | null;
  document: unknown;
  selection: unknown;
  read_at: Date;
}): Snapshot {
  const { id, campaign_id: campaignId, etag, selection, read_at: readAt } = row;
  const document = row.document as Readonly<Record<string, unknown>>;
  return { id, campaignId, version: Number(row.version), etag, document, selection, readAt };
}

export type Campaigns = ReturnType<typeof createCampaigns>;
