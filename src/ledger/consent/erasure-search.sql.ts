/** Where a data subject is named: word filters point out the blocks and files that may do so, and these are read. */
import { type RawBuilder, sql } from 'kysely';
import type { Executor } from '../database.ts';
import { readDataset } from '../runs/datasets.sql.ts';
import { DatasetGone } from '../runs/datasets.ts';
import { createWordFilter } from '../words.ts';
import type { SubjectSearch } from './subject-search.ts';

/** Consecutive records of a run. */
interface Block {
  readonly runNo: number;
  readonly first: number;
  readonly last: number;
  /** Has a word filter. */
  readonly isFiltered: boolean;
}

/** Rows about the data subject. */
export interface FoundRows extends Block {
  readonly seqs: readonly number[];
}

/** How far each run was staged at one moment, by its number. */
export type StagedThrough = ReadonlyMap<number, number>;

export async function readStagedThrough(db: Executor): Promise<StagedThrough> {
  const runs = await db
    .selectFrom('runs')
    .select(['run_no', 'staged_through'])
    .where('staged_through', '>', 0)
    .execute();
  return new Map(runs.map((run) => [run.run_no, run.staged_through]));
}

/** By run and `first`. Only rows that were staged after `searched`; by default all. */
export async function findRows(
  db: Executor,
  subject: SubjectSearch,
  searched: StagedThrough = new Map(),
): Promise<FoundRows[]> {
  const found: FoundRows[] = [];
  for (const block of await listBlocks(db, subject, searched)) {
    const { rows } = await sql<{ seq: number; fields: unknown; owner: string | null }>`
      select seq, fields, ${contactIdOf(sql`record`)} as owner from records
      where run_no = ${block.runNo} and seq between ${block.first} and ${block.last}
        and seq > ${searched.get(block.runNo) ?? 0} and ${mayName(subject, sql`fields::text`)} order by seq`.execute(
      db,
    );
    const seqs = rows.filter(({ fields, owner }) => subject.isAbout(fields, owner)).map(({ seq }) => seq);
    if (seqs.length > 0) found.push({ ...block, seqs });
  }
  return found;
}

/** Quick, and false of nearly all texts. What may be spelled in another way is read. */
export function mayName({ plain }: SubjectSearch, text: RawBuilder<unknown>): RawBuilder<boolean> {
  const isPlain =
    plain === null ? sql`false` : sql`position(${plain}::text in lower(${text} collate "C")) > 0`;
  return sql<boolean>`(${isPlain} or octet_length(${text}) > length(${text}) or position(${String.raw`\u`}::text in ${text}) > 0)`;
}

/** As many as are staged together, so that they fit into memory. */
const UNFILTERED_ROWS = 2_000;

/**
 * Blocks whose filter has all words of the id; and all rows of runs whose blocks do not cover them. `materialized` keeps
 * PostgreSQL from reading the filters of blocks that have been searched.
 */
async function listBlocks(
  db: Executor,
  { words }: SubjectSearch,
  searched: StagedThrough,
): Promise<readonly Block[]> {
  const [runNos, seqs] = [[...searched.keys()], [...searched.values()]];
  const { rows } = await sql<Block>`
    with unsearched as (
      select run_no, staged_through, purged_at, coalesce(after, 0) as after
      from runs left join unnest(${runNos}::int[], ${seqs}::int[]) searched (run_no, after) using (run_no)
      where staged_through > coalesce(after, 0)),
    blocks as materialized (
      select run_no, first_seq, last_seq, words from record_blocks join unsearched using (run_no)
      where last_seq > after)
    select run_no as "runNo", first_seq as first, last_seq as last, true as "isFiltered"
    from blocks where ${mayContain(words.flat())}
    union all
    select run_no, first, least(first + ${UNFILTERED_ROWS}::int - 1, staged_through), false
    from unsearched
      left join (select run_no, sum(last_seq - first_seq + 1) as rows from record_blocks group by run_no) covered
        using (run_no)
      cross join lateral generate_series(after + 1, staged_through, ${UNFILTERED_ROWS}::int) first
    where staged_through <> coalesce(covered.rows, 0) and purged_at is null
    order by 1, 2`.execute(db);
  return rows;
}

/** Datasets that name the data subject. */
export async function findDatasets(db: Executor, subject: SubjectSearch): Promise<string[]> {
  const words = subject.words.map(
    (hashes) =>
      sql`exists (select from dataset_chunks where dataset_id = datasets.id and ${mayContain(hashes)})`,
  );
  const { rows } = await sql<{ id: string }>`
    select id from datasets
    where exists (select from dataset_chunks where dataset_id = datasets.id and words is null)
      or ${sql.join([sql`true`, ...words], sql` and `)}
    order by created_at desc`.execute(db);
  const found: string[] = [];
  for (const { id } of rows)
    if (await subject.isNamedInBytes(readDataset(db, id)).catch(falseIfDeleted)) found.push(id);
  return found;
}

function mayContain(hashes: readonly number[]): RawBuilder<boolean> {
  const bits = hashes.map((hash) => sql`may_contain(words, ${hash}::bigint)`);
  return sql<boolean>`${sql.join([sql`true`, ...bits], sql` and `)}`;
}

/** Another erasure, or a purge, has deleted the dataset meanwhile. */
function falseIfDeleted(error: unknown): false {
  if (error instanceof DatasetGone) return false;
  throw error;
}

/**
 * After an erasure, so that the filter does not show who was in the rows. Locks the block first: another erasure in it would
 * otherwise store a filter with the words that this one removes. The block may have grown since it was searched
 * (runs/staging.sql.ts), and a filter must not miss a word.
 */
export async function renewFilter(db: Executor, { runNo, first }: Block): Promise<void> {
  const block = await sql<{ last: number }>`select last_seq as last from record_blocks
    where run_no = ${runNo} and first_seq = ${first} for update`.execute(db);
  const last = block.rows[0]?.last ?? first;
  const { rows } = await sql<{ fields: string; contactId: string | null }>`
    select fields::text, ${contactIdOf(sql`record`)} as "contactId" from records
    where run_no = ${runNo} and seq between ${first} and ${last} order by seq`.execute(db);
  await db
    .updateTable('record_blocks')
    .set({ words: createWordFilter(rows.flatMap(({ fields, contactId }) => [fields, contactId ?? ''])) })
    .where('run_no', '=', runNo)
    .where('first_seq', '=', first)
    .execute();
}

/** Whose row it is: contacts and preferences name the contact themselves, an item of a list does so in its fields. */
const contactIdOf = (
  record: RawBuilder<unknown>,
): RawBuilder<string | null> => sql`coalesce(${record}->>'contactId', (
  select field->>'value' from json_array_elements(
    case json_typeof(${record}->'fields') when 'array' then ${record}->'fields' else '[]' end) field
  where field->>'name' = 'contact_id' limit 1))`;
