/** The writes in PostgreSQL. */
import { sql } from 'kysely';
import { LONGEST_GAP_MS, LONGEST_OUTAGE_MS } from '../../domain/timeouts.ts';
import { coalesce } from '../coalesce.ts';
import type { Database, Executor } from '../database.ts';
import { fenced } from '../fence.ts';
import { lockRun, oneAtATime } from '../locks.ts';
import type { WriteState } from '../schema.ts';
import { claimWrites } from './claims.sql.ts';
import type { Claim } from './claims.ts';
import { firstLine } from './first-line.sql.ts';
import { HAS_RECORD } from './has-record.sql.ts';
import { listInDoubt, markInDoubt, resolve } from './in-doubt.sql.ts';
import { byRank } from './rank.sql.ts';
import { countClaims, markPossiblySent } from './restored.sql.ts';
import { settleWrites } from './settlements.sql.ts';
import type { Settlement } from './settlements.ts';
import type { OpenWrite, SentClaim, WriteOfRecord, Writes } from './writes.ts';

/**
 * Batches of larger records are cut, so that those in flight fit into memory and no request is too large (413). A record is
 * at most a row of the source (CXFLOW_MAX_ROW_BYTES), so a batch has at most this size plus one record. Usual records have
 * some hundred bytes, and 100 of them stay together.
 */
const BATCH_BYTES = 4_000_000;

/** A transaction locks all its writes until it is committed, so it must not have too many. */
const MAX_COALESCED = 16;

export function createWrites({ db }: Database): Writes {
  const claim = coalesce({
    groupKey: ({ runNo, leaseMs, holder, tenant }: Claim) => `${runNo} ${leaseMs} ${holder} ${tenant}`,
    send: (claims) => claimWrites(db, claims),
    maxInputs: MAX_COALESCED,
  });
  const settleCoalesced = coalesce({
    groupKey: ({ runNo }) => String(runNo),
    send: (settlements: readonly Settlement[]) => settleWrites(db, settlements),
    maxInputs: MAX_COALESCED,
  });
  return {
    claim,
    // What else is stored in its transaction must not fail other settlements, so such a settlement goes alone.
    settle: (settlement) =>
      settlement.inSettleTransaction ? settleAlone(db, settlement) : settleCoalesced(settlement),
    plan: (run, kind, size, { order = 'source', batchBytes = BATCH_BYTES } = {}) =>
      fenced(db, run, async (tx, runNo) => {
        await insertPlanned(tx, { runNo, kind, size, order, batchBytes });
        return countBatches(tx, runNo);
      }),
    unplan: (run) => fenced(db, run, unplan),
    listOpen: (runNo, fromBatch, toBatch) => listOpen(db, runNo, fromBatch, toBatch),
    markSent: (claims) => markSent(db, claims),
    renew: (id, fence, leaseMs) => renew(db, id, fence, leaseMs),
    release: (id, fence, failure = null) => release(db, id, fence, failure),
    markUnanswered: (id, fence, failure) => markUnanswered(db, id, fence, failure),
    markInDoubt: (run, reason) => fenced(db, run, (tx, runNo) => markInDoubt(tx, runNo, reason)),
    remainingLeaseMs: (runNo) => remainingLeaseMs(db, runNo),
    countClaims: (runNo, batches) => countClaims(db, runNo, batches),
    markPossiblySent: (run, sent) => db.transaction().execute((tx) => markPossiblySent(tx, run, sent)),
    listOfRecord: (runNo, seq) => listOfRecord(db, runNo, seq),
    listInDoubt: (runNo, query = {}) => listInDoubt(db, runNo, query),
    resolve: (resolution) => db.transaction().execute((tx) => resolve(tx, resolution)),
  };
}

async function settleAlone(db: Executor, settlement: Settlement): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const [isSettled = false] = await settleWrites(tx, [settlement]);
    if (isSettled) await settlement.inSettleTransaction?.(tx);
    return isSettled;
  });
}

interface Planned {
  readonly runNo: number;
  readonly kind: string;
  readonly size: number;
  readonly order: 'source' | 'rank';
  readonly batchBytes: number;
}

async function insertPlanned(tx: Executor, { runNo, kind, size, order, batchBytes }: Planned): Promise<void> {
  const isRanked = order === 'rank';
  // Two planners at once would both find no writes, and put every record into two batches.
  await oneAtATime(tx, runNo);
  await sql`
    insert into writes (run_no, batch, kind, seqs)
    select ${runNo}, row_number() over (order by chunk, part), ${kind}, array_agg(seq order by place) from (
      select seq, place, chunk, sum(bytes) over (partition by chunk order by place) / ${batchBytes}::bigint as part
      from (
        select r.seq, ${isRanked ? sql`row_number() over planned` : sql`r.seq`} as place,
          coalesce(octet_length(r.record::text), 0) as bytes,
          (row_number() over planned - 1) / ${size}::int as chunk
        from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
        where r.run_no = ${runNo} and o.seq is null and ${HAS_RECORD}
        window planned as (order by ${isRanked ? byRank('r') : sql`r.seq`})) pending) measured
    where not exists (select 1 from writes where run_no = ${runNo})
    group by chunk, part order by chunk, part`.execute(tx);
}

async function unplan(tx: Executor, runNo: number): Promise<boolean> {
  await lockRun(tx, runNo);
  const { rows } = await sql<{ isClaimed: boolean }>`select exists (
    select from writes where run_no = ${runNo} and (attempts > 0 or state <> 'planned')) as "isClaimed"`.execute(
    tx,
  );
  if (rows[0]?.isClaimed !== false) return false;
  await tx.deleteFrom('writes').where('run_no', '=', runNo).execute();
  await tx.updateTable('runs').set({ plan_hash: null }).where('run_no', '=', runNo).execute();
  return true;
}

async function countBatches(db: Executor, runNo: number): Promise<number> {
  const { batches } = await db
    .selectFrom('writes')
    .select((e) => e.fn.max('batch').as('batches'))
    .where('run_no', '=', runNo)
    .executeTakeFirstOrThrow();
  return batches ?? 0;
}

/** While nobody tries a write, because the run is paused or CXone answers nothing, it does not fail. */
const IS_BEING_TRIED = sql<boolean>`coalesce(
  failed_at > clock_timestamp() - ${LONGEST_GAP_MS} * interval '1 millisecond', false)`;

/** Written as a `case`, so that the other writes are only looked at if this one fails. */
const FAILS_ALONE = sql<boolean>`case when failing_since is null then false
  else (${IS_BEING_TRIED} and failing_since < clock_timestamp() - ${LONGEST_OUTAGE_MS} * interval '1 millisecond') or exists (
    select from writes other
    where other.run_no = writes.run_no and other.kind = writes.kind and other.latency_ms is not null
      and other.settled_at > coalesce((writes.refs->>'failingSince')::timestamptz, writes.failing_since)) end`;

const NOT_BEFORE = sql<string | null>`case when (refs->>'notBefore')::timestamptz > clock_timestamp()
  then refs->>'notBefore' end`;

const OPEN: readonly WriteState[] = ['planned', 'sending', 'unanswered'];

async function listOpen(
  db: Executor,
  runNo: number,
  fromBatch: number,
  toBatch: number,
): Promise<OpenWrite[]> {
  return db
    .selectFrom('writes')
    .select(['id', 'batch', 'kind', 'state', 'seqs', 'refs', 'attempts', 'failure', 'failures'])
    .select(['lost_answers as lostAnswers', 'sent_at as sentAt'])
    .select([FAILS_ALONE.as('failsAlone'), NOT_BEFORE.as('notBefore'), firstLine().as('firstLine')])
    .select(
      sql<string | null>`coalesce(refs->>'failingSince', to_json(failing_since)#>>'{}')`.as('failingSince'),
    )
    .where('run_no', '=', runNo)
    .where('batch', '>=', fromBatch)
    .where('batch', '<=', toBatch)
    .where('state', 'in', OPEN)
    .orderBy('batch')
    .orderBy('id')
    .execute();
}

async function listOfRecord(db: Executor, runNo: number, seq: number): Promise<WriteOfRecord[]> {
  const { rows } = await sql<WriteOfRecord>`
    select id, batch, kind, state, cardinality(seqs) as records, attempts, lost_answers as "lostAnswers",
      http_status as "httpStatus", request_id as "requestId", sent_at as "sentAt", settled_at as "settledAt"
    from writes where run_no = ${runNo} and ${seq} = any(seqs) order by id`.execute(db);
  return rows;
}

/** Waits for nobody: a row that is locked is being settled, or will be marked as well as lost by its settlement. */
async function markSent(db: Executor, claims: readonly SentClaim[]): Promise<void> {
  const [ids, fences] = [claims.map(({ id }) => id), claims.map(({ fence }) => fence)];
  await sql`
    update writes set sent_fence = fence where id in (
      select w.id from writes w join unnest(${ids}::bigint[], ${fences}::integer[]) sent (id, fence) using (id, fence)
      where w.state = 'sending' for update of w skip locked)`.execute(db);
}

async function renew(db: Executor, id: string, fence: number, leaseMs: number): Promise<boolean> {
  const { numUpdatedRows } = await updateClaimed(db, id, fence)
    .set({ lease_until: sql`clock_timestamp() + ${leaseMs} * interval '1 millisecond'` })
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

async function release(db: Executor, id: string, fence: number, failure: string | null): Promise<void> {
  await updateClaimed(db, id, fence)
    .set({ state: sql`case when lost_answers > 0 then 'unanswered' else 'planned' end`, lease_until: null })
    .$if(failure !== null, (update) => update.set(countFailure(failure)))
    .execute();
}

async function markUnanswered(db: Executor, id: string, fence: number, failure: string): Promise<void> {
  await updateClaimed(db, id, fence)
    .set({ state: 'unanswered', lost_answers: sql`lost_answers + 1`, known_sent: true, lease_until: null })
    .set(countFailure(failure))
    .execute();
}

function countFailure(failure: string | null) {
  return {
    failures: sql<number>`case when failure = ${failure} then failures + 1 else 1 end`,
    failing_since: sql<Date>`case when failure = ${failure} and ${IS_BEING_TRIED} then failing_since
      else clock_timestamp() end`,
    failed_at: sql<Date>`clock_timestamp()`,
    failure,
  };
}

/** Matches no row when the fence is not current. */
function updateClaimed(db: Executor, id: string, fence: number) {
  return db
    .updateTable('writes')
    .where('id', '=', id)
    .where('fence', '=', fence)
    .where('state', '=', 'sending');
}

async function remainingLeaseMs(db: Executor, runNo: number): Promise<number> {
  const { rows } = await sql<{ ms: number | null }>`
    select (extract(epoch from max(lease_until) - clock_timestamp()) * 1000)::float as ms
    from writes where run_no = ${runNo} and state = 'sending'`.execute(db);
  return Math.max(0, Math.ceil(rows[0]?.ms ?? 0));
}
