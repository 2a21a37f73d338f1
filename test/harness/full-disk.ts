/** A PostgreSQL whose disk is full: on a small in-memory disk or, without permission to mount one, in read-only mode. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { Postgres } from '../../src/stack/postgres.ts';
import { newFolder, removeStackFolder } from './folders.ts';
import { startTestPostgres } from './servers.ts';

export interface FullDisk {
  readonly url: string;
  /** Not on the full disk. */
  readonly logFile: string;
  /** Matches PostgreSQL's message about the full disk. */
  readonly errorPattern: RegExp;
  readonly fill: () => Promise<void>;
  /** Frees the space, and restarts the server if it has exited. */
  readonly free: () => Promise<void>;
}

const DISK_MEGABYTES = 300;

/** The server and its disk are removed when the test ends. */
export async function postgresOnSmallDisk(): Promise<FullDisk> {
  const [disk, logs] = await Promise.all([newFolder(), newFolder()]);
  const isMounted = mount(disk);
  const [dir, logFile] = [join(disk, '.cxflow'), join(logs, 'postgres.log')];
  let server = await startTestPostgres({ dir, logFile });
  let hasEnded = false;
  const watch = (started: Postgres) => void started.exited.then(() => (hasEnded = true));
  watch(server);
  onTestFinished(async () => {
    await server.stop();
    await removeStackFolder(dir);
    if (isMounted) execFileSync('umount', ['-l', disk]);
    await Promise.all([disk, logs].map((folder) => rm(folder, { recursive: true, force: true })));
  });
  const restart = async (): Promise<void> => {
    if (!hasEnded) return;
    server = await startTestPostgres({ dir, logFile, port: server.port });
    hasEnded = false;
    watch(server);
  };
  const common = { url: server.url, logFile };
  if (!isMounted) return { ...common, errorPattern: /read-only transaction/, ...readOnly(server.url) };
  const ballast = join(disk, 'ballast');
  return {
    ...common,
    errorPattern: /No space left on device/,
    fill: () => Promise.resolve(fill(ballast)),
    async free() {
      rmSync(ballast, { force: true });
      await restart();
    },
  };
}

function mount(folder: string): boolean {
  try {
    const options = `size=${DISK_MEGABYTES}m,mode=0755`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Fills the disk to the last byte. */
function fill(file: string): void {
  const block = Buffer.alloc(64 * 1024, 1);
  const handle = openSync(file, 'a');
  try {
    for (let size = block.length; size >= 512; ) {
      try {
        writeSync(handle, block, 0, size);
      } catch {
        size /= 2;
      }
    }
  } finally {
    closeSync(handle);
  }
}

function readOnly(url: string): Pick<FullDisk, 'fill' | 'free'> {
  const set = async (value: 'on' | 'off'): Promise<void> => {
    const client = new pg.Client({ connectionString: url, options: '-c default_transaction_read_only=off' });
    await client.connect();
    await client.query(`alter system set default_transaction_read_only = ${value}`);
    await client.query('select pg_reload_conf()');
    await client.end();
  };
  return { fill: () => set('on'), free: () => set('off') };
}
