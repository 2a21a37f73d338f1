/** Sources that a client handed over: their bytes, in chunks, so that any worker can read them. */
import { createHash } from 'node:crypto';
import type { Database } from '../database.ts';

export interface Dataset {
  readonly id: string;
  readonly name: string;
  readonly format: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** It was there when the reading began: an erasure deletes the datasets that name the person. */
export class DatasetGone extends Error {
  override readonly name = 'DatasetGone';
  constructor(id: string) {
    super(`dataset ${id} was deleted while it was read (cxflow erase does that); hand the file over again`);
  }
}

const CHUNK_BYTES = 1 << 20;

export function createDatasets({ db }: Database) {
  const find = async (id: string): Promise<Dataset | undefined> => {
    const row = await db.selectFrom('datasets').selectAll().where('id', '=', id).executeTakeFirst();
    return row && { ...row, bytes: Number(row.bytes) };
  };

  return {
    /**
     * All or nothing: a source that breaks off leaves nothing behind. The id is derived from the content, so the
     * same content is kept once. `bytes` is read to its end exactly once.
     */
    async stage(name: string, format: string, bytes: AsyncIterable<Uint8Array>): Promise<Dataset> {
      const hash = createHash('sha256');
      let total = 0;
      return db.transaction().execute(async (tx) => {
        const provisional = `staging_${crypto.randomUUID()}`;
        await tx
          .insertInto('datasets')
          .values({ id: provisional, name, format, sha256: '', bytes: 0 })
          .execute();
        let seq = 0;
        for await (const data of inChunks(bytes)) {
          hash.update(data);
          total += data.length;
          seq += 1;
          await tx.insertInto('dataset_chunks').values({ dataset_id: provisional, seq, data }).execute();
        }
        const sha256 = hash.digest('hex');
        const id = `ds_${format}_${sha256.slice(0, 32)}`;
        const dataset = { id, name, format, sha256, bytes: total };
        await tx
          .insertInto('datasets')
          .values(dataset)
          .onConflict((conflict) => conflict.column('id').doUpdateSet({ name, created_at: new Date() }))
          .execute();
        // A statement of its own: the one before may have waited for another that stages the same, and has an old view.
        const kept = await tx
          .selectFrom('dataset_chunks')
          .select('seq')
          .where('dataset_id', '=', id)
          .limit(1)
          .executeTakeFirst();
        if (!kept) {
          await tx
            .updateTable('dataset_chunks')
            .set({ dataset_id: id })
            .where('dataset_id', '=', provisional)
            .execute();
        }
        await tx.deleteFrom('datasets').where('id', '=', provisional).execute();
        return dataset;
      });
    },

    find,

    /** All there are, the newest first. */
    async listIds(): Promise<string[]> {
      const rows = await db.selectFrom('datasets').select('id').orderBy('created_at', 'desc').execute();
      return rows.map(({ id }) => id);
    },

    /** To its last byte: a part of it is no file. Errors: DatasetGone. */
    async *read(id: string): AsyncIterable<Buffer> {
      const dataset = await find(id);
      if (!dataset) throw new DatasetGone(id);
      let bytes = 0;
      for (let seq = 1; bytes < dataset.bytes; seq += 1) {
        const chunk = await db
          .selectFrom('dataset_chunks')
          .select('data')
          .where('dataset_id', '=', id)
          .where('seq', '=', seq)
          .executeTakeFirst();
        if (!chunk) throw new DatasetGone(id);
        bytes += chunk.data.length;
        yield chunk.data;
      }
    },
  };
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

export type Datasets = ReturnType<typeof createDatasets>;
