import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { DatasetGone } from '../../src/ledger/runs/datasets.ts';
import { ledgerOfFile, upTo } from './harness.ts';

const opened = ledgerOfFile();

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function readBack(id: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of opened().ledger.datasets.read(id)) parts.push(part);
  return Buffer.concat(parts);
}

async function rowsOf(table: 'datasets' | 'dataset_chunks'): Promise<number> {
  const { rows } = await sql<{ n: string }>`select count(*) as n from ${sql.table(table)}`.execute(
    opened().database.db,
  );
  return Number(rows[0]?.n);
}

describe('datasets', () => {
  it('return three megabytes unchanged, with their hash', async () => {
    const { datasets } = opened().ledger;
    const bytes = randomBytes(3_000_001);
    const staged = await datasets.stage('a.csv', 'csv', inPieces(bytes, 65_536));
    expect(staged.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(staged.bytes).toBe(bytes.length);
    expect((await readBack(staged.id)).equals(bytes)).toBe(true);
    expect(await datasets.find(staged.id)).toMatchObject(staged);
  });

  it('are read completely or fail: one that is deleted meanwhile does not just end early', async () => {
    const { datasets } = opened().ledger;
    const { database } = opened();
    const { id } = await datasets.stage('a.csv', 'csv', inPieces(randomBytes(2_500_000), 65_536));
    const reading = async () => {
      for await (const part of datasets.read(id)) {
        expect(part.length).toBeGreaterThan(0);
        await database.db.deleteFrom('datasets').where('id', '=', id).execute();
      }
    };
    await expect(reading()).rejects.toThrow(/was deleted while it was read.*again/);
    await expect(reading()).rejects.toThrow(DatasetGone);
  });

  it('keep the same content once, whatever its chunks and names are', async () => {
    const { datasets } = opened().ledger;
    const bytes = randomBytes(2_500_000);
    const first = await datasets.stage('a.csv', 'csv', inPieces(bytes, 1_000));
    const before = [await rowsOf('datasets'), await rowsOf('dataset_chunks')];
    const second = await datasets.stage('b.csv', 'csv', inPieces(bytes, 700_001));
    expect(second.id).toBe(first.id);
    expect([await rowsOf('datasets'), await rowsOf('dataset_chunks')]).toEqual(before);
    expect((await datasets.find(first.id))?.name).toBe('b.csv');
    expect((await readBack(first.id)).equals(bytes)).toBe(true);
  });

  it('keep it once when many stage it at the same moment', async () => {
    const { datasets } = opened().ledger;
    for (const _ of upTo(5)) {
      const bytes = randomBytes(1_200_000);
      const staged = await Promise.all(
        upTo(6).map((n) => datasets.stage(`${n}.csv`, 'csv', inPieces(bytes, 300_000))),
      );
      const ids = new Set(staged.map(({ id }) => id));
      expect(ids.size).toBe(1);
      expect((await readBack([...ids][0] ?? '')).equals(bytes)).toBe(true);
    }
  });

  it('leave nothing behind when the source fails', async () => {
    const { datasets } = opened().ledger;
    const before = [await rowsOf('datasets'), await rowsOf('dataset_chunks')];
    const broken = async function* () {
      yield* inPieces(randomBytes(2_500_000), 500_000);
      throw new Error('the disk is gone');
    };
    await expect(datasets.stage('a.csv', 'csv', broken())).rejects.toThrow('the disk is gone');
    expect([await rowsOf('datasets'), await rowsOf('dataset_chunks')]).toEqual(before);
  });

  it('may be empty, and are not found unless they were staged', async () => {
    const { datasets } = opened().ledger;
    const empty = await datasets.stage('none.csv', 'csv', inPieces(Buffer.alloc(0), 1));
    expect(empty.bytes).toBe(0);
    expect(await readBack(empty.id)).toHaveLength(0);
    expect(await datasets.find('ds_csv_none')).toBeUndefined();
  });
});
