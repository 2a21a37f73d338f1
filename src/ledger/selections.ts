/** Selection updates: what a run wants of a campaign, the one operation that writes it, and what became of it. */
import { type Selectable, sql } from 'kysely';
import type { Outcome, Reason } from '../domain/run.ts';
import type { CampaignKey } from './campaigns.ts';
import type { Database } from './database.ts';
import type { SelectionUpdatesTable } from './schema.ts';

/** A run of this kind has one record: the selection. */
export const THE_SELECTION = 1;
export const PATCH = 'patch';

export type SelectionUpdate = Selectable<SelectionUpdatesTable>;

export interface PlannedSelection extends CampaignKey {
  readonly runNo: number;
  readonly baseSnapshot: string;
  /** What the wish is measured from, the wish, and the differences between them, as JSON values. */
  readonly base: unknown;
  readonly wish: unknown;
  readonly differences: unknown;
}

/** How the operation ends. `outdated`: settled, and another one takes its place. */
export interface SelectionSettlement {
  readonly runNo: number;
  readonly operationId: string;
  /** null: it was never claimed, for nothing had to be sent. */
  readonly fence: number | null;
  readonly outcome: Outcome | 'outdated';
  readonly reasons?: readonly Reason[];
  readonly evidence?: string | null;
  readonly httpStatus?: number | null;
  readonly latencyMs?: number | null;
  readonly requestId?: string | null;
  readonly written?: { readonly version: number } | null;
  readonly conflicts?: unknown;
  readonly audit: { readonly action: string; readonly data: Readonly<Record<string, unknown>> };
  /** Its body, from the id of the event and of the audit entry; null: nobody is told. */
  readonly event: { readonly name: string; readonly body: (ids: EventIds) => string } | null;
}

export interface EventIds {
  readonly eventId: string;
  readonly auditId: string;
  readonly at: Date;
}

export interface UpdateOfCampaign {
  readonly runId: string;
  readonly state: string;
  readonly dryRun: boolean;
  readonly requestedBy: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly outcome: Outcome | 'pending';
  readonly differences: unknown;
  readonly versionBefore: number | null;
  readonly versionAfter: number | null;
}

export interface SelectionMetrics {
  /** Of the PATCHes that were answered, in milliseconds, two decimals. */
  readonly averageLatency: number;
  /** Of the operations, in percent, two decimals. */
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
     * The wish, its record and its operation, in one transaction. Repeatable: a wish that stands stays as it is, so that
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
            wish: JSON.stringify(planned.wish),
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
        await sql`update operations set counts = '{}' where run_no = ${runNo} and state = 'settled'
          and counts::jsonb ?| array['conflict', 'rejected']`.execute(tx);
        await sql`insert into operations (run_no, batch, kind, seqs)
          select ${runNo}, 1, ${PATCH}, array[${THE_SELECTION}]::int[]
          where not exists (select 1 from outcomes where run_no = ${runNo}) and not exists
            (select 1 from operations where run_no = ${runNo} and state <> 'settled')`.execute(tx);
      });
      return get(runNo);
    },

    /** What is about to be sent, before the claim: the next try knows by it what may have been applied. */
    async keepSent(
      runNo: number,
      sent: { readonly snapshot: string; readonly selection: unknown; readonly sha256: string },
    ): Promise<void> {
      await db
        .updateTable('selection_updates')
        .set({
          from_snapshot: sent.snapshot,
          sent: JSON.stringify(sent.selection),
          sent_sha256: sent.sha256,
          conflicts: null,
        })
        .where('run_no', '=', runNo)
        .execute();
    },

    async keepConflicts(runNo: number, conflicts: unknown): Promise<void> {
      await db
        .updateTable('selection_updates')
        .set({ conflicts: JSON.stringify(conflicts) })
        .where('run_no', '=', runNo)
        .execute();
    },

    /**
     * In one transaction: state of the operation, outcome, what stands at CXone now, audit, CRM event. False: another
     * holder has it; nothing changed.
     */
    async settle(settlement: SelectionSettlement): Promise<boolean> {
      return db.transaction().execute(async (tx) => {
        const { runNo, operationId, outcome } = settlement;
        if (!(await settleOperation(tx, settlement))) return false;
        if (outcome === 'outdated')
          await sql`insert into operations (run_no, batch, kind, seqs)
            values (${runNo}, 1, ${PATCH}, array[${THE_SELECTION}]::int[])`.execute(tx);
        else
          await tx
            .insertInto('outcomes')
            .values({
              run_no: runNo,
              seq: THE_SELECTION,
              outcome,
              reasons: settlement.reasons ? JSON.stringify(settlement.reasons) : null,
              operation_id: operationId,
              evidence: settlement.evidence ?? null,
            })
            .execute();
        await noteWritten(tx, settlement);
        await tell(tx, settlement);
        return true;
      });
    },

    /** The newest first. */
    async ofCampaign({ tenant, campaignId }: CampaignKey, limit: number): Promise<UpdateOfCampaign[]> {
      const { rows } = await sql<
        UpdateOfCampaign & { versionBefore: string | null; versionAfter: string | null }
      >`
        select r.run_id as "runId", r.state, r.dry_run as "dryRun", r.requested_by as "requestedBy",
          r.started_at as "startedAt", r.finished_at as "finishedAt",
          coalesce(o.outcome, 'pending') as outcome, u.differences,
          coalesce(f.version, b.version) as "versionBefore", u.version_after as "versionAfter"
        from selection_updates u join runs r using (run_no)
          join campaign_snapshots b on b.id = u.base_snapshot
          left join campaign_snapshots f on f.id = u.from_snapshot
          left join outcomes o on o.run_no = u.run_no and o.seq = ${THE_SELECTION}
        where u.tenant = ${tenant} and u.campaign_id = ${campaignId}
        order by u.run_no desc limit ${limit}`.execute(db);
      return rows.map((row) => ({
        ...row,
        versionBefore: row.versionBefore === null ? null : Number(row.versionBefore),
        versionAfter: row.versionAfter === null ? null : Number(row.versionAfter),
      }));
    },

    /** Over all updates of the campaign so far. Source: S3, step 4, which kept them in memory. */
    async metrics({ tenant, campaignId }: CampaignKey): Promise<SelectionMetrics> {
      const { rows } = await sql<{ latency: number | null; total: number; succeeded: number }>`
        with mine as (select run_no from selection_updates where tenant = ${tenant} and campaign_id = ${campaignId})
        select (select avg(latency_ms)::float from operations join mine using (run_no)) as latency,
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

    /** The newest run whose id begins so, dry runs excepted, and how many there are. */
    async runsOf(key: string): Promise<{ count: number; newest: { runId: string; state: string } | null }> {
      const { rows } = await sql<{ runId: string; state: string }>`
        select run_id as "runId", state from runs
        where not dry_run and (run_id = ${key} or starts_with(run_id, ${`${key}:`}))
        order by run_no desc`.execute(db);
      return { count: rows.length, newest: rows[0] ?? null };
    },
  };
}

type Transaction = Database['db'];

async function settleOperation(tx: Transaction, settlement: SelectionSettlement): Promise<boolean> {
  const { operationId, fence, outcome, httpStatus, latencyMs, requestId } = settlement;
  const counts = outcome === 'outdated' ? {} : { [outcome]: 1 };
  const { rows } = await sql`
    update operations set state = 'settled', counts = ${JSON.stringify(counts)}::json,
      http_status = ${httpStatus ?? null}, latency_ms = ${latencyMs == null ? null : Math.round(latencyMs)},
      request_id = ${requestId ?? null}, settled_at = clock_timestamp(), lease_until = null
    where id = ${operationId} and case when ${fence}::int is null
      then state in ('planned', 'unanswered') or (state = 'sending' and lease_until <= clock_timestamp())
      else fence = ${fence} and state = 'sending' end
    returning id`.execute(tx);
  return rows.length === 1;
}

async function noteWritten(
  tx: Transaction,
  { runNo, written, conflicts }: SelectionSettlement,
): Promise<void> {
  if (!written && conflicts === undefined) return;
  await tx
    .updateTable('selection_updates')
    .set({
      ...(written && { version_after: written.version, written_at: new Date(), conflicts: null }),
      ...(conflicts !== undefined && { conflicts: JSON.stringify(conflicts) }),
    })
    .where('run_no', '=', runNo)
    .execute();
}

async function tell(tx: Transaction, settlement: SelectionSettlement): Promise<void> {
  const { runNo, audit, event, latencyMs, operationId, outcome } = settlement;
  const { rows } = await sql<{ audit_id: string; at: Date }>`
    insert into audit_pending (run_id, action, data)
    select run_id, ${audit.action}, ${JSON.stringify(audit.data)}::json from runs where run_no = ${runNo}
    returning audit_id, at`.execute(tx);
  const [entry] = rows;
  if (!entry || event === null) return;
  const eventId = crypto.randomUUID();
  await sql`insert into outbox (event_id, run_no, event, operation_id, audit_id, counts, latency_ms, body)
    values (${eventId}, ${runNo}, ${event.name}, ${operationId}, ${entry.audit_id},
      ${JSON.stringify(outcome === 'outdated' ? {} : { [outcome]: 1 })}::json,
      ${latencyMs == null ? null : Math.round(latencyMs)},
      ${event.body({ eventId, auditId: entry.audit_id, at: entry.at })})`.execute(tx);
}

const twoDecimals = (value: number): number => Math.round(value * 100) / 100;

export type Selections = ReturnType<typeof createSelections>;
