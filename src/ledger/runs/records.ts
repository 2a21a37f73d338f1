/** The records of a run and what became of them. */
import { once } from 'node:events';
import { sql } from 'kysely';
import { from as copyFrom } from 'pg-copy-streams';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { Database } from '../database.ts';

export interface StagedRecord {
  readonly seq: number;
  readonly line: number;
  readonly fields: unknown;
  /** null where the rules refused the row; then `reasons` says why. */
  readonly record: unknown;
  readonly key1: string | null;
  readonly key2: string | null;
  readonly reasons: readonly Reason[] | null;
  /** What the rules settle; default: invalid without a record, else pending. */
  readonly outcome?: Outcome | null;
}

export interface SettledRecord {
  readonly seq: number;
  readonly line: number;
  readonly fields: Record<string, unknown>;
  readonly outcome: Outcome | 'pending';
  readonly reasons: readonly Reason[];
  readonly evidence: string | null;
}

export interface DuplicateCandidate {
  readonly seq: number;
  readonly line: number;
  readonly key1: string;
  readonly key2: string;
}

export interface DuplicateRow {
  readonly seq: number;
  readonly reason: Reason;
}

const PAGE = 2_000;
/** Of a page, and of the row that goes beyond it: rows of megabytes come a few at a time. */
const PAGE_BYTES = 16_000_000;

export function createRecords({ db, pool }: Database) {
  return {
    /**
     * Copies a chunk into a temporary table and inserts what is new, with `staged_through`, in one transaction
     * (decisions.md 5). Repeatable: a chunk that is there already changes nothing.
     */
    async stage(runNo: number, chunk: readonly StagedRecord[]): Promise<void> {
      const last = chunk.at(-1);
      if (!last) return;
      const connection = await pool.connect();
      try {
        await connection.query('begin');
        await connection.query(STAGING_TABLE);
        const copy = connection.query(copyFrom('copy staging from stdin'));
        const finished = once(copy, 'finish');
        copy.end(chunk.map(copyLine).join(''));
        await finished;
        await connection.query(INSERT_RECORDS, [runNo]);
        await connection.query(INSERT_SETTLED, [runNo]);
        await connection.query(
          'update runs set staged_through = greatest(staged_through, $2) where run_no = $1',
          [runNo, last.seq],
        );
        await connection.query('commit');
      } catch (error) {
        await connection.query('rollback').catch(() => undefined);
        throw error;
      } finally {
        connection.release();
      }
    },

    /** Valid records that share a key with another one, in the order of the source. Who was erased has none. */
    async *listDuplicateCandidates(runNo: number): AsyncIterable<DuplicateCandidate> {
      // Arrays, a page each: an object for every one of a million candidates would not be flat.
      const shared = await sql<{ seqs: number[] }>`
        select array_agg(seq order by seq) as seqs from (
          select seq, count(*) over (partition by key1) n1, count(*) over (partition by key2) n2
          from records where run_no = ${runNo} and record is not null and key1 is not null) keys
        where n1 > 1 or n2 > 1 group by seq / ${PAGE}::int order by min(seq)`.execute(db);
      for (const { seqs } of shared.rows) {
        const { rows } = await sql<DuplicateCandidate>`
          select seq, line, key1, key2 from records
          where run_no = ${runNo} and seq = any(${seqs}::int[]) order by seq`.execute(db);
        yield* rows;
      }
    },

    async settleDuplicates(runNo: number, duplicateRows: readonly DuplicateRow[]): Promise<void> {
      await sql`
        insert into outcomes (run_no, seq, outcome, reasons)
        select ${runNo}, (e->>'seq')::int, 'duplicate', json_build_array(e->'reason')
        from json_array_elements(${JSON.stringify(duplicateRows)}::json) e
        on conflict do nothing`.execute(db);
    },

    /** The end of staging: how many there are, and what the rules settled. Repeatable. */
    async finishStaging(runNo: number): Promise<void> {
      await sql`
        update runs set total = staged_through, staged_counts = coalesce(
          (select json_object_agg(outcome, n) from
            (select outcome, count(*) n from outcomes where run_no = ${runNo} group by outcome) settled), '{}'::json)
        where run_no = ${runNo} and total is null`.execute(db);
    },

    /** What never went out when a run was cancelled or its plan rejected. Repeatable. */
    async cancelPending(runNo: number, reason: Reason): Promise<void> {
      await sql`
        with cancelled as (
          insert into outcomes (run_no, seq, outcome, reasons)
          select ${runNo}, r.seq, 'cancelled', ${JSON.stringify([reason])}::json
          from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
          where r.run_no = ${runNo} and o.seq is null
          on conflict do nothing returning 1)
        update runs set cancelled_records = cancelled_records + (select count(*) from cancelled)
        where run_no = ${runNo}`.execute(db);
    },

    /** Those that are going to be written, and how many of them have a contact id that CXone's preferences know: a GUID. */
    async countPendingContacts(runNo: number): Promise<{ pending: number; withGuid: number }> {
      const { rows } = await sql<{ pending: string; with_guid: string }>`
        select count(*) as pending,
          count(*) filter (where key1 ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') as with_guid
        from records r left join outcomes o using (run_no, seq)
        where r.run_no = ${runNo} and o.seq is null`.execute(db);
      return { pending: Number(rows[0]?.pending ?? 0), withGuid: Number(rows[0]?.with_guid ?? 0) };
    },

    /** In the order of the source, a page at a time: flat memory for a million records. */
    async *list(
      runNo: number,
      outcome?: Outcome | 'pending' | readonly (Outcome | 'pending')[],
    ): AsyncIterable<SettledRecord> {
      const wanted = outcome === undefined ? null : [outcome].flat();
      for (let after = 0; ; ) {
        const { rows } = await sql<SettledRecord>`
          select seq, line, fields, outcome, reasons, evidence from (
            select *, sum(size) over (order by seq) - size as bytes_before from (
              select r.seq, r.line, r.fields, coalesce(o.outcome, 'pending') as outcome,
                coalesce(o.reasons, '[]'::json) as reasons, o.evidence, octet_length(r.fields::text) as size
              from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
              where r.run_no = ${runNo} and r.seq > ${after}
                and (${wanted}::text[] is null or coalesce(o.outcome, 'pending') = any(${wanted}::text[]))
              order by r.seq limit ${PAGE}) page) measured
          where bytes_before < ${PAGE_BYTES} order by seq`.execute(db);
        yield* rows;
        const last = rows.at(-1);
        if (!last) return;
        after = last.seq;
      }
    },

    /** Every reason with the outcome it led to, the most frequent first. */
    async countReasons(
      runNo: number,
    ): Promise<{ outcome: Outcome; code: string; field: string | null; n: number }[]> {
      const { rows } = await sql<{ outcome: Outcome; code: string; field: string | null; n: string }>`
        select outcome, reason->>'code' as code, reason->>'field' as field, count(*) as n
        from outcomes, json_array_elements(reasons) reason where run_no = ${runNo}
        group by 1, 2, 3 order by n desc, 1, 2, 3`.execute(db);
      return rows.map((row) => ({ ...row, n: Number(row.n) }));
    },
  };
}

const STAGING_TABLE = `create temporary table staging
  (seq integer, line integer, fields json, record json, key1 text, key2 text, reasons json, outcome text) on commit drop`;
const INSERT_RECORDS = `insert into records (run_no, seq, line, fields, record, key1, key2)
  select $1, seq, line, fields, record, key1, key2 from staging on conflict do nothing`;
const INSERT_SETTLED = `insert into outcomes (run_no, seq, outcome, reasons)
  select $1, seq, outcome, reasons from staging where outcome is not null on conflict do nothing`;

/** One line of COPY's text format. JSON.stringify leaves no raw NUL; the keys are cleared of it by the rules. */
function copyLine(row: StagedRecord): string {
  const cells = [
    row.seq,
    row.line,
    json(row.fields),
    json(row.record),
    row.key1,
    row.key2,
    json(row.reasons),
    row.outcome ?? (row.record === null ? 'invalid' : null),
  ];
  return `${cells.map(copyCell).join('\t')}\n`;
}

const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function copyCell(cell: string | number | null): string {
  if (cell === null) return '\\N';
  if (typeof cell === 'number') return String(cell);
  return cell.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character);
}

export type Records = ReturnType<typeof createRecords>;
