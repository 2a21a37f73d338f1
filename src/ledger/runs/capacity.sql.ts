/** Reservations of a campaign's capacity in PostgreSQL. */
import { sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import { fenced } from '../fence.ts';
import { lockCampaign } from '../locks.ts';
import type { CampaignOfTenant, Capacity, CapacityAnswer, CapacityRequest } from './capacity.ts';
import { settledOutcomes } from './counts.sql.ts';

export function createCapacity({ db }: Database): Capacity {
  return {
    remaining: async (runNo, campaign) =>
      new Map((await listOthers(db, runNo, campaign)).map((other) => [other.runNo, other.remaining])),
    reserve: (run, request) => fenced(db, run, (tx, runNo) => reserve(tx, runNo, request)),
  };
}

async function reserve(tx: Executor, runNo: number, request: CapacityRequest): Promise<CapacityAnswer> {
  const { tenant, campaignId, planned, current, max, remainingBefore } = request;
  await lockCampaign(tx, tenant, campaignId);
  const others = (await listOthers(tx, runNo, request))
    .map(({ runNo: otherNo, runId, planned: reserved, remaining }) => ({
      runId,
      // What it has added since it was asked for is missing in CXone's figure, if that was read before.
      remaining: Math.max(remaining, remainingBefore.get(otherNo) ?? reserved),
    }))
    .filter(({ remaining }) => remaining > 0)
    .toSorted((a, b) => b.remaining - a.remaining);
  const room = max - current - others.reduce((sum, { remaining }) => sum + remaining, 0);
  if (planned > room) return { isReserved: false, room, others };
  await sql`
    insert into capacity_reservations as known (run_no, tenant, campaign_id, planned)
    select run_no, ${tenant}, ${campaignId}, ${planned}::int from runs where run_no = ${runNo} and not dry_run
    on conflict (run_no) do update set planned = excluded.planned where known.planned < excluded.planned`.execute(
    tx,
  );
  return { isReserved: true, room, others };
}

interface Other {
  readonly runNo: number;
  readonly runId: string;
  readonly planned: number;
  readonly remaining: number;
}

/**
 * Records whose answer was lost may be in the campaign or not, and may be sent again. They count like pending ones, so that what
 * a run may still add never grows.
 */
async function listOthers(
  db: Executor,
  runNo: number,
  { tenant, campaignId }: CampaignOfTenant,
): Promise<Other[]> {
  const { rows } = await sql<Other>`
    select run_no as "runNo", run_id as "runId", planned, greatest(0, least(planned, coalesce(
      total - (select coalesce(sum(n), 0) from (${settledOutcomes(sql`r.run_no`)}) settled)
        + (select coalesce(sum(cardinality(seqs)), 0) from writes w where w.run_no = r.run_no and state = 'in_doubt'),
      planned)))::int as remaining
    from capacity_reservations c join runs r using (run_no)
    where tenant = ${tenant} and campaign_id = ${campaignId} and run_no <> ${runNo} and state = 'running'`.execute(
    db,
  );
  return rows;
}
