/** The records of a preference update, as only that kind asks for them. */
import { sql } from 'kysely';
import type { Outcome } from '../domain/run.ts';
import type { Database } from './database.ts';
import type { Loser } from './records.ts';

export interface SettledPreference {
  readonly record: unknown;
  readonly outcome: Outcome;
  /** Of its reasons. */
  readonly codes: readonly string[];
}

const PAGE = 2_000;

export function createPreferences({ db }: Database) {
  return {
    /**
     * Rows that are not the newest of their contact and channel (key1; key2 is the rank, domain/preference-update.ts),
     * with the line of the one that is. One that is settled already, because CXone would not take it, can win and not
     * lose. PostgreSQL sorts on disk: memory stays flat for any number of rows.
     */
    async *losers(runNo: number): AsyncIterable<Loser> {
      const { rows } = await sql<{ seqs: number[]; lines: number[] }>`
        select array_agg(seq order by seq) as seqs, array_agg(winner order by seq) as lines from (
          select seq, row_number() over newest as place, first_value(line) over newest as winner
          from records where run_no = ${runNo} and record is not null
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
    async pendingOptIns(runNo: number): Promise<number> {
      const { rows } = await sql<{ n: string }>`
        select count(*) as n from records r left join outcomes o using (run_no, seq)
        where r.run_no = ${runNo} and o.seq is null and (r.record->>'optIn')::boolean`.execute(db);
      return Number(rows[0]?.n ?? 0);
    },

    /** What one operation settled, in the order of the source. */
    async settledBy(runNo: number, operationId: string): Promise<SettledPreference[]> {
      const { rows } = await sql<SettledPreference>`
        select r.record, o.outcome, coalesce(
          (select json_agg(reason->>'code') from json_array_elements(o.reasons) reason), '[]'::json) as codes
        from operations op, unnest(op.seqs) as batch(seq)
          join outcomes o on o.run_no = ${runNo} and o.seq = batch.seq
          join records r on r.run_no = ${runNo} and r.seq = batch.seq
        where op.id = ${operationId}::bigint and op.run_no = ${runNo} and o.operation_id = op.id
        order by r.seq`.execute(db);
      return rows;
    },
  };
}

export type Preferences = ReturnType<typeof createPreferences>;
