/** The records of a preference update, as only that kind asks for them. */
import { sql } from 'kysely';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { Database } from '../database.ts';
import type { InSettleTransaction } from '../writes/settlements.ts';
import type { DuplicateRow } from '../runs/records.ts';

export interface SettledPreference {
  readonly record: unknown;
  readonly outcome: Outcome;
  /** Of its reasons. */
  readonly codes: readonly string[];
}

/** An opt-out that the run did not bring to CXone for certain. */
export interface UnsentOptOut {
  readonly seq: number;
  readonly record: unknown;
  /** Why not: the first reason. null: it is pending. */
  readonly code: string | null;
}

/** A batch that went out, and that the end of the run or an answer after it has settled. */
export interface UnprovenBatch {
  readonly writeId: string;
  readonly batch: number;
  readonly kind: string;
  readonly refs: unknown;
  readonly httpStatus: number | null;
  readonly sentAt: Date | null;
  /** In the order of the source. */
  readonly records: readonly (SettledPreference & {
    readonly seq: number;
    readonly evidence: string | null;
  })[];
}

const PAGE = 2_000;

export function createPreferences({ db }: Database) {
  return {
    /**
     * Rows that are not the newest of their contact and channel (key1; key2 is the rank, domain/preference-update/preferences.ts),
     * with the line of the one that is. One that is settled already, because CXone would not take it, can win and not
     * lose. PostgreSQL sorts on disk: memory stays flat for any number of rows.
     */
    async *listDuplicateRows(runNo: number): AsyncIterable<DuplicateRow> {
      const { rows } = await sql<{ seqs: number[]; lines: number[] }>`
        select array_agg(seq order by seq) as seqs, array_agg(winner order by seq) as lines from (
          select seq, row_number() over newest as place, first_value(line) over newest as winner
          from records where run_no = ${runNo} and record is not null and key1 is not null
          window newest as (partition by key1 order by key2 collate "C" desc, seq)) ranked
        where place > 1 and not exists
          (select 1 from outcomes o where o.run_no = ${runNo} and o.seq = ranked.seq and o.outcome <> 'duplicate')
        group by seq / ${PAGE}::int order by min(seq)`.execute(db);
      for (const { seqs, lines } of rows) {
        for (const [index, seq] of seqs.entries()) {
          const message = `line ${lines[index]} is newer`;
          yield { seq, reason: { code: 'duplicate_in_source', field: 'contactId, channel', message } };
        }
      }
    },

    /** How many opt-ins are going to be written. */
    async countPendingOptIns(runNo: number): Promise<number> {
      const { rows } = await sql<{ n: string }>`
        select count(*) as n from records r left join outcomes o using (run_no, seq)
        where r.run_no = ${runNo} and o.seq is null and (r.record->>'optIn')::boolean`.execute(db);
      return Number(rows[0]?.n ?? 0);
    },

    /** Of a run that has ended before its end, a page at a time: those without this reason yet. */
    async *listUnsentOptOuts(runNo: number, without: string): AsyncIterable<readonly UnsentOptOut[]> {
      for (let after = 0; ; ) {
        const { rows } = await sql<UnsentOptOut>`
          select r.seq, r.record, o.reasons->0->>'code' as code
          from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
          where r.run_no = ${runNo} and r.seq > ${after} and r.record->>'optIn' = 'false'
            and (o.seq is null or o.outcome in ('cancelled', 'in_doubt'))
            and not exists (select from json_array_elements(o.reasons) each where each->>'code' = ${without})
          order by r.seq limit ${PAGE}`.execute(db);
        const last = rows.at(-1);
        if (!last) return;
        yield rows;
        after = last.seq;
      }
    },

    /** One more reason for outcomes that stand; records without an outcome have none. */
    async addReason(runNo: number, seqs: readonly number[], reason: Reason): Promise<void> {
      await sql`
        update outcomes set reasons = (coalesce(reasons, '[]')::jsonb || ${JSON.stringify([reason])}::jsonb)::json
        where run_no = ${runNo} and seq = any(${[...seqs]}::int[])`.execute(db);
    },

    /** Batches in doubt for good, and those that a late answer settled; without those that `prove` was called for. */
    async listUnprovenBatches(runNo: number): Promise<UnprovenBatch[]> {
      const { rows } = await sql<UnprovenBatch>`
        select op.id as "writeId", op.batch, op.kind, op.refs, op.http_status as "httpStatus",
          op.sent_at as "sentAt", json_agg(json_build_object('seq', r.seq, 'record', r.record, 'outcome', o.outcome,
            'evidence', o.evidence, 'codes', coalesce(
              (select json_agg(reason->>'code') from json_array_elements(o.reasons) reason), '[]')) order by r.seq) as records
        from outcomes o join writes op on op.id = o.write_id and op.run_no = o.run_no
          join records r on r.run_no = o.run_no and r.seq = o.seq
        where o.run_no = ${runNo} and op.refs->>'proved' is null
          and ((op.state = 'left' and o.outcome = 'in_doubt') or (op.state = 'settled' and o.evidence = 'late_answer'))
        group by op.id order by op.id`.execute(db);
      return rows;
    },

    /** Once for each write, in one transaction with what is told inSettleTransaction. */
    async markProven(writeId: string, inSettleTransaction: InSettleTransaction): Promise<void> {
      await db.transaction().execute(async (tx) => {
        const { rows } = await sql`
          update writes set refs = (coalesce(refs::jsonb, '{}') || '{"proved": true}')::json
          where id = ${writeId}::bigint and refs->>'proved' is null returning id`.execute(tx);
        if (rows.length > 0) await inSettleTransaction(tx);
      });
    },

    /** What one write settled, in the order of the source. */
    async listSettledBy(runNo: number, writeId: string): Promise<SettledPreference[]> {
      const { rows } = await sql<SettledPreference>`
        select r.record, o.outcome, coalesce(
          (select json_agg(reason->>'code') from json_array_elements(o.reasons) reason), '[]'::json) as codes
        from writes op, unnest(op.seqs) as batch(seq)
          join outcomes o on o.run_no = ${runNo} and o.seq = batch.seq
          join records r on r.run_no = ${runNo} and r.seq = batch.seq
        where op.id = ${writeId}::bigint and op.run_no = ${runNo} and o.write_id = op.id
        order by r.seq`.execute(db);
      return rows;
    },
  };
}

export type Preferences = ReturnType<typeof createPreferences>;
