/** The datasets in PostgreSQL, in chunks. */
import { createHash, type Hash } from 'node:crypto';
import { sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import { createWordFilter } from '../words.ts';
import { type Dataset, DatasetGone, type Datasets } from './datasets.ts';

/** At least so many in each chunk but the last. */
export const CHUNK_BYTES = 1 << 20;

export function createDatasets({ db }: Database): Datasets {
  return {
    stage: (name, format, bytes) => db.transaction().execute((tx) => stage(tx, { name, format, bytes })),
    find: (id) => find(db, id),
    read: (id) => readDataset(db, id),
  };
}

interface Staging {
  readonly name: string;
  readonly format: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** The chunks get a provisional id until the content, and with it the final id, is known. */
async function stage(tx: Executor, { name, format, bytes }: Staging): Promise<Dataset> {
  // The caller's rows may come slowly, and nobody waits for what is locked meanwhile: its chunks have an id of their own.
  await sql`set local idle_in_transaction_session_timeout = '1h'`.execute(tx);
  const provisional = `staging_${crypto.randomUUID()}`;
  await tx.insertInto('datasets').values({ id: provisional, name, format, sha256: '', bytes: 0 }).execute();
  const hash = createHash('sha256');
  const size = await insertChunks(tx, provisional, hashed(bytes, hash));
  const sha256 = hash.digest('hex');
  // Whoever stages the same content at this moment is waited for, because all of it is in the ledger, and only its id is not.
  await sql`set local lock_timeout = 0`.execute(tx);
  const dataset = { id: `ds_${format}_${sha256.slice(0, 32)}`, name, format, sha256, bytes: size };
  const { created_at: createdAt } = await tx
    .insertInto('datasets')
    .values(dataset)
    // By the database's clock: objections are dated by it.
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ name, created_at: sql`now()` }))
    .returning('created_at')
    .executeTakeFirstOrThrow();
  if (!(await hasChunks(tx, dataset.id))) {
    await tx
      .updateTable('dataset_chunks')
      .set({ dataset_id: dataset.id })
      .where('dataset_id', '=', provisional)
      .execute();
  }
  await tx.deleteFrom('datasets').where('id', '=', provisional).execute();
  return { ...dataset, createdAt };
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncIterable<Uint8Array> {
  for await (const part of bytes) {
    hash.update(part);
    yield part;
  }
}

async function insertChunks(tx: Executor, id: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  let [seq, size] = [0, 0];
  let cut = Buffer.alloc(0);
  for await (const data of inChunks(bytes)) {
    seq += 1;
    size += data.length;
    const read = Buffer.concat([cut, data]);
    const words = createWordFilter([read.toString()]);
    await tx.insertInto('dataset_chunks').values({ dataset_id: id, seq, data, words }).execute();
    const end = read.subarray(-LONGEST_WORD);
    cut = end.subarray(end.toString('latin1').search(CUT_WORD));
  }
  return size;
}

/** What may continue in the next chunk: a word, with escapes of JSON and with the bytes of characters that nobody sees. */
const CUT_WORD = /(?:[\w\\-]|[^\t-\r\x20-\x7e])*$/;
/** Far more than an id has. */
const LONGEST_WORD = 1_000;

/**
 * A statement of its own: the insert before it may have waited for another transaction that stages the same content, and
 * would not see its chunks.
 */
async function hasChunks(tx: Executor, id: string): Promise<boolean> {
  const chunk = await tx
    .selectFrom('dataset_chunks')
    .select('seq')
    .where('dataset_id', '=', id)
    .limit(1)
    .executeTakeFirst();
  return chunk !== undefined;
}

async function find(db: Executor, id: string): Promise<Dataset | undefined> {
  const row = await db.selectFrom('datasets').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) return undefined;
  const { created_at: createdAt, ...rest } = row;
  return { ...rest, bytes: Number(row.bytes), createdAt };
}

/** Waits for an erasure that is deleting the dataset: no reader may begin that the erasure does not know of. */
export async function* readDataset(db: Executor, id: string): AsyncIterable<Buffer> {
  const dataset = await db
    .selectFrom('datasets')
    .select('bytes')
    .where('id', '=', id)
    .forKeyShare()
    .executeTakeFirst();
  if (!dataset) throw new DatasetGone(id);
  const size = Number(dataset.bytes);
  let bytes = 0;
  for (let seq = 1; bytes < size; seq += 1) {
    const chunk = await db
      .selectFrom('dataset_chunks')
      .select('data')
      .where('dataset_id', '=', id)
      .where('seq', '=', seq)
      .$castTo<{ readonly data: Buffer }>()
      .executeTakeFirst();
    if (!chunk) throw new DatasetGone(id);
    bytes += chunk.data.length;
    yield chunk.data;
  }
}

async function* inChunks(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of bytes) {
    parts.push(part);
    size += part.length;
    if (size < CHUNK_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(parts);
}
