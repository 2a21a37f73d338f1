/** Selection updates: what a run wants of a campaign, the one write that writes it, and what became of it. */
import { type Selectable, sql } from 'kysely';
import type { Outcome } from '../../domain/run.ts';
import { type Difference, diffSelections } from '../../domain/selection-update/diff.ts';
import { readSelection } from '../../domain/selection-update/selection.ts';
import type { CampaignKey } from './campaigns.ts';
import type { Database } from '../database.ts';
import type { SelectionUpdatesTable } from '../schema.ts';
import {
  claimSelection,
  type ClaimedSelection,
  type ClaimSelection,
  noteWritten,
  type SelectionSettlement,
  settleWrite,
  insertSuccessor,
  tell,
  THE_SELECTION,
} from './writes.ts';

export type SelectionUpdate = Selectable<SelectionUpdatesTable>;

export interface PlannedSelection extends CampaignKey {
  readonly runNo: number;
  readonly baseSnapshot: string;
  /** What the wish is measured from, the wish, and the differences between them, as JSON values. */
  readonly base: unknown;
  readonly desired: unknown;
  readonly differences: unknown;
}

export interface CampaignUpdate {
  readonly runId: string;
  readonly state: string;
  readonly dryRun: boolean;
  readonly requestedBy: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly outcome: Outcome | 'pending';
  /** What was written; of an update that wrote nothing, what it wished. */
  readonly differences: readonly Difference[];
  readonly versionBefore: number | null;
  readonly versionAfter: number | null;
}

interface UpdateRow extends Omit<CampaignUpdate, 'versionBefore' | 'versionAfter'> {
  readonly versionBefore: string | null;
  readonly versionAfter: string | null;
  readonly before: unknown;
  readonly sent: unknown;
}

export interface SelectionMetrics {
  /** Of the PATCHes that were answered, in milliseconds, two decimals. */
  readonly averageLatency: number;
  /** Of the writes, in percent, two decimals. */
  readonly successRate: number;
  /** Updates that wrote, or tried to and could not. */
  readonly totalOperations: number;
}

export function createSelections({ db }: Database) {
  const find = (runNo: number): Promise<SelectionUpdate | undefined> =>
    db.selectFrom('selection_updates').selectAll().where('run_no', '=', runNo).executeTakeFirst();

  const get = async (runNo: number): Promise<SelectionUpdate> => {
    const update = await find(runNo);
    if (!update) throw new Error(`run ${runNo} has not been planned`);
    return update;
  };

  return {
    find,

    get,

    /**
     * The wish, its record and its write, in one transaction. Repeatable: a wish that stands stays as it is, so that
     * a run that goes on after a failure is measured from where it began; what it failed of is open again.
     */
    async plan(planned: PlannedSelection): Promise<SelectionUpdate> {
      const { runNo, tenant, campaignId } = planned;
      await db.transaction().execute(async (tx) => {
        await sql`select from runs where run_no = ${runNo} for update`.execute(tx);
        await tx
          .insertInto('selection_updates')
          .values({
            run_no: runNo,
            tenant,
            campaign_id: campaignId,
            base_snapshot: planned.baseSnapshot,
            base: JSON.stringify(planned.base),
            desired: JSON.stringify(planned.desired),
            differences: JSON.stringify(planned.differences),
          })
          .onConflict((conflict) => conflict.column('run_no').doNothing())
          .execute();
        const fields = JSON.stringify({ campaignId });
        await sql`insert into records (run_no, seq, line, fields, record, key1)
          values (${runNo}, ${THE_SELECTION}, 1, ${fields}, ${fields}, ${campaignId}) on conflict do nothing`.execute(
          tx,
        );
        await sql`update runs set staged_through = 1, total = 1, staged_counts = '{}' where run_no = ${runNo}`.execute(
          tx,
        );
        await sql`delete from outcomes where run_no = ${runNo} and outcome in ('conflict', 'rejected')`.execute(
          tx,
        );
        await sql`update writes set counts = '{}' where run_no = ${runNo} and state = 'settled'
          and counts::jsonb ?| array['conflict', 'rejected']`.execute(tx);
        const { rows } = await sql<{ last: string | null }>`
          select (select max(id) from writes where run_no = ${runNo}) as last
          where not exists (select 1 from outcomes where run_no = ${runNo}) and not exists
            (select 1 from writes where run_no = ${runNo} and state <> 'settled')`.execute(tx);
        if (rows[0]) await insertSuccessor(tx, runNo, { after: rows[0].last, isDecided: false });
      });
      return get(runNo);
    },

    claim: (claim: ClaimSelection): Promise<ClaimedSelection> => claimSelection(db, claim),

    async saveConflicts(runNo: number, conflicts: unknown): Promise<void> {
      await db
        .updateTable('selection_updates')
        .set({ conflicts: JSON.stringify(conflicts) })
        .where('run_no', '=', runNo)
        .execute();
    },

    /**
     * In one transaction: state of the write, outcome, what stands at CXone now, audit, CRM event. False: another
     * holder has it; nothing changed.
     */
    async settle(settlement: SelectionSettlement): Promise<boolean> {
      return db.transaction().execute(async (tx) => {
        const { runNo, writeId, outcome } = settlement;
        if (!(await settleWrite(tx, settlement))) return false;
        if (outcome === 'outdated')
          await insertSuccessor(tx, runNo, { after: writeId, isDecided: settlement.isDecided === true });
        else
          await tx
            .insertInto('outcomes')
            .values({
              run_no: runNo,
              seq: THE_SELECTION,
              outcome,
              reasons: settlement.reasons ? JSON.stringify(settlement.reasons) : null,
              write_id: writeId,
              evidence: settlement.evidence ?? null,
            })
            .execute();
        await noteWritten(tx, settlement);
        await tell(tx, settlement);
        return true;
      });
    },

    /** The newest first. */
    async history({ tenant, campaignId }: CampaignKey, limit: number): Promise<CampaignUpdate[]> {
      const { rows } = await sql<UpdateRow>`
        select r.run_id as "runId", r.state, r.dry_run as "dryRun", r.requested_by as "requestedBy",
          r.started_at as "startedAt", r.finished_at as "finishedAt",
          coalesce(o.outcome, 'pending') as outcome, u.differences, f.selection as before, u.sent,
          coalesce(f.version, b.version) as "versionBefore", u.version_after as "versionAfter"
        from selection_updates u join runs r using (run_no)
          join campaign_snapshots b on b.id = u.base_snapshot
          left join campaign_snapshots f on f.id = u.from_snapshot
          left join outcomes o on o.run_no = u.run_no and o.seq = ${THE_SELECTION}
        where u.tenant = ${tenant} and u.campaign_id = ${campaignId}
        order by u.run_no desc limit ${limit}`.execute(db);
      return rows.map(({ before, sent, ...row }) => ({
        ...row,
        // Merged with what others did, less may have been written than was wished, and by an answer something else.
        differences:
          row.versionAfter === null
            ? row.differences
            : diffSelections(readSelection(before), readSelection(sent)),
        versionBefore: row.versionBefore === null ? null : Number(row.versionBefore),
        versionAfter: row.versionAfter === null ? null : Number(row.versionAfter),
      }));
    },

    /** Over all updates of the campaign so far. Source: S3, step 4, which kept them in memory. */
    async metrics({ tenant, campaignId }: CampaignKey): Promise<SelectionMetrics> {
      const { rows } = await sql<{ latency: number | null; total: number; succeeded: number }>`
        with mine as (select run_no from selection_updates where tenant = ${tenant} and campaign_id = ${campaignId})
        select (select avg(latency_ms)::float from writes join mine using (run_no)) as latency,
          count(*) filter (where outcome <> 'existing' and outcome <> 'cancelled')::int as total,
          count(*) filter (where outcome = 'updated')::int as succeeded
        from outcomes join mine using (run_no)`.execute(db);
      const { latency, total, succeeded } = rows[0] ?? { latency: null, total: 0, succeeded: 0 };
      return {
        averageLatency: twoDecimals(latency ?? 0),
        successRate: total === 0 ? 0 : twoDecimals((succeeded / total) * 100),
        totalOperations: total,
      };
    },
  };
}

const twoDecimals = (value: number): number => Math.round(value * 100) / 100;

export type Selections = ReturnType<typeof createSelections>;
