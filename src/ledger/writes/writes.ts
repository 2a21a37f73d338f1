/** Writes: every write to CXone is claimed here before it leaves, and settled here when it is answered. */
import { sql } from 'kysely';
import type { Reason } from '../../domain/run.ts';
import { type Claim, type Claimed, sendClaims } from './claims.ts';
import type { Database } from '../database.ts';
import { maybeApplied } from './maybe-applied.ts';
import { LATE_ANSWER, type LateAnswer, settleByLateAnswers } from './late-answers.ts';
import type { WriteState } from '../schema.ts';
import { sendSettlements, type Settlement } from './settlements.ts';
import { coalesce } from '../coalesce.ts';

export interface OpenWrite {
  readonly id: string;
  readonly batch: number;
  readonly kind: string;
  readonly state: WriteState;
  readonly seqs: readonly number[];
  readonly refs: unknown;
  /** How many of its answers were lost. */
  readonly lostAnswers: number;
  readonly attempts: number;
  /** Of the last attempt. */
  readonly sentAt: Date | null;
}

export interface WriteInDoubt {
  readonly id: string;
  readonly batch: number;
  readonly records: number;
  readonly sentAt: Date | null;
  /** CXone did answer, when it was too late to settle anything by that. */
  readonly lateAnswer: LateAnswer | null;
  /** It was let go out once more already, and that answer was lost as well. */
  readonly resent: boolean;
}

/**
 * Where a batch is cut although it has fewer records than it may, so that those in flight fit into memory; a request of
 * more would be 413. Records are at most a row of the source (CXFLOW_MAX_ROW_BYTES), so a batch is at most this and one
 * record. Usual ones are some hundred bytes: batches of 100 stay whole.
 */
const BATCH_BYTES = 4_000_000;

/** So many in one transaction: it locks them all until it is committed. */
const MAX_COALESCED = 16;

export interface Resolve {
  readonly runNo: number;
  readonly verdict: 'resend' | 'leave';
  /** One write, or all that are in doubt. */
  readonly id: string | null;
  /** Only those that nobody has let go out again yet. */
  readonly firstTimeOnly?: boolean;
  /** What the CRM is told of writes that are left; null: nothing. */
  readonly event?: string | null;
}

export function createWrites({ db }: Database) {
  const claimCoalesced = coalesce({
    keyOf: ({ runNo, leaseMs, holder, tenant }: Claim) => `${runNo} ${leaseMs} ${holder} ${tenant}`,
    send: (claims) => sendClaims(db, claims),
    most: MAX_COALESCED,
  });
  const settleCoalesced = coalesce({
    keyOf: () => '',
    send: (settlements: readonly Settlement[]) => sendSettlements(db, settlements),
    most: MAX_COALESCED,
  });

  return {
    /**
     * Batches of `size` pending records, fewer where they are large, in the order of the source. Repeatable. Returns how
     * many batches there are.
     */
    async plan(runNo: number, kind: string, size: number, batchBytes = BATCH_BYTES): Promise<number> {
      await db.transaction().execute(async (tx) => {
        // One planner at a time: two at once would both find nothing, and cut every record into two batches.
        await sql`select from runs where run_no = ${runNo} for update`.execute(tx);
        await sql`
        insert into writes (run_no, batch, kind, seqs)
        select ${runNo}, row_number() over (order by hundred, part), ${kind}, array_agg(seq order by seq) from (
          select seq, hundred, sum(bytes) over (partition by hundred order by seq) / ${batchBytes}::bigint as part
          from (
            select r.seq, coalesce(octet_length(r.record::text), 0) as bytes,
              (row_number() over (order by r.seq) - 1) / ${size}::int as hundred
            from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
            where r.run_no = ${runNo} and o.seq is null) pending) measured
        where not exists (select 1 from writes where run_no = ${runNo})
        group by hundred, part order by hundred, part`.execute(tx);
      });
      const { batches } = await db
        .selectFrom('writes')
        .select((e) => e.fn.max('batch').as('batches'))
        .where('run_no', '=', runNo)
        .executeTakeFirstOrThrow();
      return batches ?? 0;
    },

    /** What a page still has to do, in the order of the batches. */
    async listOpen(runNo: number, fromBatch: number, toBatch: number): Promise<OpenWrite[]> {
      return db
        .selectFrom('writes')
        .select([
          'id',
          'batch',
          'kind',
          'state',
          'seqs',
          'refs',
          'lost_answers as lostAnswers',
          'attempts',
          'sent_at as sentAt',
        ])
        .where('run_no', '=', runNo)
        .where('batch', '>=', fromBatch)
        .where('batch', '<=', toBatch)
        .where('state', 'in', ['planned', 'sending', 'unanswered'])
        .orderBy('batch')
        .orderBy('id')
        .execute();
    },

    /**
     * Committed before the request leaves. A write whose claim did not commit is never sent. Errors: a write
     * that has lost records, or that would be sent with another payload than before.
     */
    claim: (claim: Claim): Promise<Claimed> => claimCoalesced(claim),

    /** For a slow write of many requests: keeps the lease, or says that it is lost. */
    async renew(id: string, fence: number, leaseMs: number): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('writes')
        .set({ lease_until: sql`clock_timestamp() + ${leaseMs} * interval '1 millisecond'` })
        .where('id', '=', id)
        .where('fence', '=', fence)
        .where('state', '=', 'sending')
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },

    /** In one transaction: outcomes, what is left to do, audit, CRM event. False: the lease was lost; nothing changed. */
    async settle(settlement: Settlement): Promise<boolean> {
      const { inSettleTransaction } = settlement;
      if (!inSettleTransaction) return settleCoalesced(settlement);
      // By itself: what goes with it must not fail the others.
      return db.transaction().execute(async (tx) => {
        const [mine = false] = await sendSettlements(tx, [settlement]);
        if (mine) await inSettleTransaction(tx);
        return mine;
      });
    },

    /** CXone certainly did not apply it (429, refused connection): open for the next claim at once. */
    async release(id: string, fence: number): Promise<void> {
      await db
        .updateTable('writes')
        .set({
          state: sql`case when lost_answers > 0 then 'unanswered' else 'planned' end`,
          lease_until: null,
        })
        .where('id', '=', id)
        .where('fence', '=', fence)
        .where('state', '=', 'sending')
        .execute();
    },

    /** The answer never came: whoever claims it next knows that CXone may have applied it. */
    async markUnanswered(id: string, fence: number): Promise<void> {
      await db
        .updateTable('writes')
        .set((e) => ({
          state: 'unanswered' as const,
          lost_answers: e('lost_answers', '+', 1),
          lease_until: null,
        }))
        .where('id', '=', id)
        .where('fence', '=', fence)
        .where('state', '=', 'sending')
        .execute();
    },

    /** How long until the last lease of this run has run out; 0 when none is live. */
    async remainingLeaseMs(runNo: number): Promise<number> {
      const { rows } = await sql<{ ms: number | null }>`
        select (extract(epoch from max(lease_until) - clock_timestamp()) * 1000)::float as ms
        from writes where run_no = ${runNo} and state = 'sending'`.execute(db);
      return Math.max(0, Math.ceil(rows[0]?.ms ?? 0));
    },

    /**
     * The writing ends while answers are missing: what may have been applied is in doubt, not pending. Also what was
     * not sent as it now stands (doubts.ts). Repeatable.
     */
    async markInDoubt(runNo: number, reason: Reason): Promise<void> {
      await sql`
        with doubted as (
          update writes set state = 'in_doubt', lease_until = null, settled_at = clock_timestamp(),
            counts = json_build_object('in_doubt', cardinality(seqs))
          where run_no = ${runNo} and (state = 'unanswered' or (state = 'sending' and lease_until <= clock_timestamp())
            or ${maybeApplied()})
          returning id, seqs)
        insert into outcomes (run_no, seq, outcome, reasons, write_id)
        select ${runNo}, seq, 'in_doubt', ${JSON.stringify([reason])}::json, id from doubted, unnest(seqs) seq`.execute(
        db,
      );
    },

    /** `resent`: it was let go out once more already, and that answer was lost as well. */
    async listInDoubt(runNo: number): Promise<WriteInDoubt[]> {
      return db
        .selectFrom('writes')
        .select([
          'id',
          'batch',
          sql<number>`cardinality(seqs)`.as('records'),
          'sent_at as sentAt',
          sql<boolean>`coalesce(refs->>'resent' = 'true', false)`.as('resent'),
          LATE_ANSWER.as('lateAnswer'),
        ])
        .where('run_no', '=', runNo)
        .where('state', '=', 'in_doubt')
        .orderBy('batch')
        .execute();
    },

    /**
     * A person's word. `resend` opens the write again; `leave` keeps its records in doubt for good; and what CXone
     * has answered late after all is settled by that instead.
     */
    async resolve({ runNo, verdict, id, firstTimeOnly, event }: Resolve): Promise<number> {
      const known = await settleByLateAnswers(db, { runNo, id, event: event ?? null });
      const state = verdict === 'resend' ? 'planned' : 'left';
      const { rows } = await sql<{ id: string }>`
        with resolved as (
          update writes set state = ${state},
            -- A person's word permits one more try. That it may have been applied stays known (activities/engine/prior-attempt.ts).
            refs = case when ${verdict} = 'resend'
              then (coalesce(refs::jsonb, '{}') || '{"resent": true}')::json else refs end,
            payload_sha256 = case when ${verdict} = 'resend' then null else payload_sha256 end,
            lost_answers = case when ${verdict} = 'resend' then 0 else lost_answers end,
            counts = case when ${verdict} = 'resend' then null else counts end
          where run_no = ${runNo} and state = 'in_doubt' and (${id}::bigint is null or id = ${id}::bigint)
            and not (${firstTimeOnly ?? false} and coalesce(refs->>'resent' = 'true', false))
          returning id, cardinality(seqs) as n),
        reopened as (
          delete from outcomes o using resolved
          where ${verdict} = 'resend' and o.run_no = ${runNo} and o.write_id = resolved.id and o.outcome = 'in_doubt'),
        -- Until then it was not known what the CRM is to be told of them.
        told as (
          insert into outbox (run_no, event, write_id, counts)
          select ${runNo}, ${event ?? null}::text, id, json_build_object('in_doubt', n) from resolved
          where ${verdict} = 'leave' and ${event ?? null}::text is not null)
        select id from resolved`.execute(db);
      return known + rows.length;
    },

    /** What the report says of the requests. */
    async latencies(runNo: number): Promise<{ requests: number; averageMs: number; p95Ms: number }> {
      const { rows } = await sql<{ requests: string; average: number | null; p95: number | null }>`
        select count(*) as requests, avg(latency_ms)::float as average,
          percentile_cont(0.95) within group (order by latency_ms) as p95
        from writes where run_no = ${runNo} and latency_ms is not null`.execute(db);
      const [row] = rows;
      return { requests: Number(row?.requests ?? 0), averageMs: row?.average ?? 0, p95Ms: row?.p95 ?? 0 };
    },
  };
}

export type Writes = ReturnType<typeof createWrites>;
