/** Reservations of a campaign's capacity in PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import { fenced } from '../fence.ts';
import { lockCampaign } from '../locks.ts';
import { maybeApplied } from '../writes/maybe-applied.sql.ts';
import type {
  CampaignOfTenant,
  Capacity,
  CapacityAnswer,
  CapacityRequest,
  OtherReservation,
} from './capacity.ts';
import { settledOutcomes } from './counts.sql.ts';

export function createCapacity({ db }: Database): Capacity {
  return {
    remaining: async (runNo, campaign) =>
      new Map((await listOthers(db, runNo, campaign)).map((other) => [other.runNo, other.remaining])),
    others: async (runNo, campaign) => describeOthers(await listOthers(db, runNo, campaign)),
    unanswered: async (runNo) => (await countUnknown(db, runNo)).open,
    reserve: (run, request) => fenced(db, run, (tx, runNo) => reserve(tx, runNo, request)),
  };
}

async function reserve(tx: Executor, runNo: number, request: CapacityRequest): Promise<CapacityAnswer> {
  const { tenant, campaignId, planned, current, max, remainingBefore } = request;
  await lockCampaign(tx, tenant, campaignId);
  const found = (await listOthers(tx, runNo, request)).map((other) => ({
    ...other,
    // What it has added since it was asked for is missing in CXone's figure, if that was read before.
    remaining: Math.max(other.remaining, remainingBefore.get(other.runNo) ?? other.planned),
  }));
  const others = describeOthers(found);
  const own = await countUnknown(tx, runNo);
  const free = max - current + own.open;
  const room = free - others.reduce((sum, { remaining }) => sum + remaining, 0);
  const roomAtMost = free - others.reduce((sum, { unsent }) => sum + unsent, 0);
  // What is reserved already stays reserved while it is only not known whether something of others has arrived.
  const isHeld = planned <= roomAtMost && (await hasReserved(tx, runNo, request));
  if (planned > room && !isHeld) return { isReserved: false, room, roomAtMost, others };
  // What is in doubt may be sent again, and is not pending now.
  await sql`
    insert into capacity_reservations as known (run_no, tenant, campaign_id, planned)
    select run_no, ${tenant}, ${campaignId}, ${planned + own.inDoubt}::int
    from runs where run_no = ${runNo} and not dry_run
    on conflict (run_no) do update set planned = excluded.planned where known.planned < excluded.planned`.execute(
    tx,
  );
  return { isReserved: true, room, roomAtMost, others };
}

async function hasReserved(tx: Executor, runNo: number, request: CapacityRequest): Promise<boolean> {
  const { tenant, campaignId, planned } = request;
  const { rows } = await sql`select from capacity_reservations where run_no = ${runNo} and tenant = ${tenant}
    and campaign_id = ${campaignId} and planned >= ${planned}::int`.execute(tx);
  return rows.length > 0;
}

const describeOthers = (others: readonly Other[]): OtherReservation[] =>
  others
    .filter(({ remaining }) => remaining > 0)
    .toSorted((a, b) => b.remaining - a.remaining)
    .map(({ runId, remaining, unsent }) => ({ runId, remaining, unsent }));

/** As a number: the records of its writes that CXone may have, although no answer says so. */
const unknown = (runNo: RawBuilder<unknown>, states: RawBuilder<unknown>) => sql`
  (select coalesce(sum(cardinality(w.seqs)), 0) from writes w where w.run_no = ${runNo} and ${states})`;

const isOpen = sql`(w.state in ('sending', 'unanswered') or ${maybeApplied('w')})`;
const isInDoubt = sql`w.state = 'in_doubt'`;

async function countUnknown(db: Executor, runNo: number): Promise<{ open: number; inDoubt: number }> {
  const run = sql`${runNo}::int`;
  const { rows } = await sql<{ open: number; inDoubt: number }>`
    select ${unknown(run, isOpen)}::int as open, ${unknown(run, isInDoubt)}::int as "inDoubt"`.execute(db);
  return rows[0] ?? { open: 0, inDoubt: 0 };
}

/** In the transaction that ends the run. Whoever has asked CXone before must not overlook what the run has added since. */
export async function releaseReservation(tx: Executor, runNo: number): Promise<void> {
  await sql`update capacity_reservations set released = planned, planned = 0
    where run_no = ${runNo} and planned > 0`.execute(tx);
}

interface Other {
  readonly runNo: number;
  readonly runId: string;
  /** What it has reserved, or had when it ended. */
  readonly planned: number;
  readonly remaining: number;
  readonly unsent: number;
}

/**
 * Records whose answer was lost may be in the campaign or not, and may be sent again. They count like pending ones, so that what
 * a run may still add never grows. Runs that have ended may add nothing.
 */
async function listOthers(
  db: Executor,
  runNo: number,
  { tenant, campaignId }: CampaignOfTenant,
): Promise<Other[]> {
  const { rows } = await sql<Other>`
    select "runNo", "runId", planned,
      greatest(0, least(planned, coalesce(pending + in_doubt, planned)))::int as remaining,
      greatest(0, least(planned, coalesce(pending + in_doubt - open, planned)))::int as unsent
    from (
      select run_no as "runNo", run_id as "runId", planned,
        total - (select coalesce(sum(n), 0) from (${settledOutcomes(sql`r.run_no`)}) settled) as pending,
        ${unknown(sql`r.run_no`, isInDoubt)} as in_doubt, ${unknown(sql`r.run_no`, isOpen)} as open
      from capacity_reservations c join runs r using (run_no)
      where tenant = ${tenant} and campaign_id = ${campaignId} and run_no <> ${runNo} and planned > 0
        and state = 'running') reserved
    union all
    select run_no, run_id, released, 0, 0 from capacity_reservations join runs using (run_no)
    where tenant = ${tenant} and campaign_id = ${campaignId} and run_no <> ${runNo} and planned = 0`.execute(
    db,
  );
  return rows;
}
