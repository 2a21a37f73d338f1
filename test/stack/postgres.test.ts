import { existsSync, readlinkSync, realpathSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase } from '../../src/stack/postgres.ts';
import { isAlive, waitForExit } from '../../src/stack/processes.ts';
import { newFolder, removeStackFolder } from '../harness/folders.ts';
import { startTestPostgres } from '../harness/servers.ts';

/** Shorter than the minute after which PostgreSQL itself notices that its data folder is gone, or has another server. */
const STOPPED_WITHIN_MS = 10_000;

const dirs: string[] = [];

async function newDir(mode: 0o700 | 0o755 = 0o755): Promise<string> {
  const dir = join(await newFolder(mode), '.cxflow');
  dirs.push(dir);
  return dir;
}

async function removeAll(): Promise<void> {
  for (const dir of dirs.splice(0)) await removeStackFolder(dir);
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

const isRoot = process.getuid?.() === 0;

/** These tests share a folder: each finds the data that the previous one left. */
describe('the embedded PostgreSQL', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await newDir();
  });
  afterAll(removeAll);

  it('restarts with its data at the same address after kill -9', async () => {
    const first = await startTestPostgres({ dir });
    await query(first.url, 'create table kept (n int); insert into kept values (1)');
    await first.kill();
    expect(isAlive(first.pid)).toBe(false);
    const second = await startTestPostgres({ dir });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 1 }]);
    await second.stop();
  });

  it('starts even if postmaster.pid names an unrelated process', async () => {
    const first = await startTestPostgres({ dir });
    await first.kill();
    await writeFile(join(dir, 'postgres', 'data', 'postmaster.pid'), `${process.pid}\n`);
    const second = await startTestPostgres({ dir });
    expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await second.stop();
  });

  it('stops a server that is still running on its data before it starts another', async () => {
    const left = await startTestPostgres({ dir });
    const next = await startTestPostgres({ dir });
    expect(await waitForExit(left.pid, STOPPED_WITHIN_MS)).toBe(true);
    await next.stop();
  });

  it('requires a password and stores text in UTF-8', async () => {
    const server = await startTestPostgres({ dir });
    const open = new URL(server.url);
    open.password = 'wrong';
    await expect(query(open.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    expect(await query(server.url, 'show server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
    expect(await query(server.url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    await server.stop();
  });

  it('creates a database once, however often it is asked', async () => {
    const server = await startTestPostgres({ dir });
    const url = await createDatabase(server.url, 'a b');
    expect(await createDatabase(server.url, 'a b')).toBe(url);
    expect(await query(url, 'select current_database() as name')).toEqual([{ name: 'a b' }]);
    await server.stop();
  });
});

describe('the embedded PostgreSQL in a folder of its own', () => {
  afterEach(removeAll);

  it('starts over if its first start was killed midway', async () => {
    const dir = await newDir();
    await (await startTestPostgres({ dir })).stop();
    await rename(join(dir, 'postgres', 'data'), join(dir, 'postgres', 'data.new'));
    const server = await startTestPostgres({ dir });
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
  });

  it.runIf(isRoot)('works as root in a folder that only root can reach', async () => {
    const dir = await newDir(0o700);
    const first = await startTestPostgres({ dir });
    expect(readlinkSync(join(dir, 'postgres'))).toMatch(/^\/var\/tmp\/cxflow-data-/);
    await query(first.url, 'create table kept (n int)');
    await first.stop();
    const second = await startTestPostgres({ dir });
    expect(await query(second.url, 'select count(*)::int as n from kept')).toEqual([{ n: 0 }]);
    await second.stop();
  });

  it.runIf(isRoot)(
    'starts with new data, and stops the old server, if such a folder was deleted and created again',
    async () => {
      const dir = await newDir(0o700);
      const old = await startTestPostgres({ dir });
      const data = realpathSync(join(dir, 'postgres'));
      await query(old.url, 'create table kept (n int)');
      await rm(dir, { recursive: true });
      const fresh = await startTestPostgres({ dir });
      expect(await waitForExit(old.pid, STOPPED_WITHIN_MS)).toBe(true);
      expect(await query(fresh.url, `select to_regclass('kept') as found`)).toEqual([{ found: null }]);
      await fresh.stop();
      await removeStackFolder(dir);
      expect(existsSync(data)).toBe(false);
    },
  );
});
