/** Staging: rows are copied into a temporary table, and those that are new are inserted from there. */
import { once } from 'node:events';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type RunRef, Superseded, toFence, toRunNo } from '../fence.ts';
import { createWordFilter } from '../words.ts';
import type { StagedRecord } from './records.ts';

const CREATE_STAGING_TABLE = `create temporary table staging
  (seq integer, line integer, fields json, record json, key1 text, key2 text, reasons json, outcome text,
    score double precision, recency timestamptz, keys text[]) on commit drop`;
const COLUMNS = 'seq, line, fields, record, key1, key2';
const RANK_COLUMNS = 'score, recency, keys';
const insertRecords = (columns: string) => `insert into records (run_no, ${columns})
  select $1, ${columns} from staging on conflict do nothing`;
const INSERT_OUTCOMES = `insert into outcomes (run_no, seq, outcome, reasons)
  select $1, seq, outcome, reasons from staging where outcome is not null on conflict do nothing`;
/** Where chunks overlap, the longer one counts. */
const INSERT_BLOCK = `insert into record_blocks as known (run_no, first_seq, last_seq, words) values ($1, $2, $3, $4)
  on conflict (run_no, first_seq) do update set last_seq = excluded.last_seq, words = excluded.words
  where excluded.last_seq > known.last_seq`;
const RECORD_PROGRESS = `update runs set staged_through = greatest(staged_through, $2)
  where run_no = $1 and ($3::bigint is null or fence = $3)`;

/** In one transaction (docs/adr/0013-sources-and-files.md#staging). */
export async function stageRecords(
  pool: pg.Pool,
  run: RunRef,
  chunk: readonly StagedRecord[],
): Promise<void> {
  const runNo = toRunNo(run);
  const [first, last] = [chunk.at(0), chunk.at(-1)];
  if (!first || !last) return;
  const rows = chunk.map(toCells);
  const isRanked = chunk.some(({ rank, keys }) => rank || keys);
  const words = createWordFilter(rows.flatMap(({ row, fields }) => [fields, contactIdOf(row)]));
  const connection = await pool.connect();
  try {
    await connection.query('begin');
    await connection.query(CREATE_STAGING_TABLE);
    const rankColumns = isRanked ? `, ${RANK_COLUMNS}` : '';
    const copy = connection.query(
      copyFrom(`copy staging (${COLUMNS}, reasons, outcome${rankColumns}) from stdin`),
    );
    const finished = once(copy, 'finish');
    copy.end(rows.map((cells) => toCopyLine(cells, isRanked)).join(''));
    await finished;
    await connection.query(insertRecords(`${COLUMNS}${rankColumns}`), [runNo]);
    await connection.query(INSERT_OUTCOMES, [runNo]);
    // The run's row first, then the block, as an erasure locks them.
    const { rowCount } = await connection.query(RECORD_PROGRESS, [runNo, last.seq, toFence(run)]);
    if (rowCount === 0) throw new Superseded();
    await connection.query(INSERT_BLOCK, [runNo, first.seq, last.seq, words]);
    await connection.query('commit');
  } catch (error) {
    await connection.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    connection.release();
  }
}

interface Cells {
  readonly row: StagedRecord;
  readonly fields: string;
}

function toCells(row: StagedRecord): Cells {
  return { row, fields: JSON.stringify(row.fields) };
}

/** As `contactIdOf` of consent/erasure-search.sql.ts. The rest of a record is in the fields it was read from. */
function contactIdOf({ record }: StagedRecord): string {
  const { contactId, fields } = (record ?? {}) as { contactId?: unknown; fields?: unknown };
  if (typeof contactId === 'string') return contactId;
  if (!Array.isArray(fields)) return '';
  const named = (fields as { name?: unknown; value?: unknown }[]).find(({ name }) => name === 'contact_id');
  return typeof named?.value === 'string' ? named.value : '';
}

/** A line in the text format of COPY. JSON.stringify leaves no NUL, and the rules have removed it from the keys. */
function toCopyLine({ row, fields }: Cells, isRanked: boolean): string {
  const cells = [
    row.seq,
    row.line,
    fields,
    toJson(row.record),
    row.key1,
    row.key2,
    toJson(row.reasons),
    row.outcome ?? (row.record === null ? 'invalid' : null),
    ...(isRanked ? [row.rank?.score ?? null, row.rank?.recency ?? null, toArray(row.keys)] : []),
  ];
  return `${cells.map(toCopyCell).join('\t')}\n`;
}

/** As PostgreSQL reads an array. */
function toArray(texts: readonly string[] | null | undefined): string | null {
  if (!texts) return null;
  return `{${texts.map((text) => `"${text.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`;
}

const toJson = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function toCopyCell(cell: string | number | null): string {
  if (cell === null) return '\\N';
  if (typeof cell === 'number') return String(cell);
  return cell.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character);
}
