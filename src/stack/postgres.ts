/**
 * The embedded PostgreSQL: one server per project folder, on loopback only, with a password. However it was killed, the
 * next start recovers its data.
 */
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './ports.ts';
import { findBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import {
  initialiseData,
  postgresEnvironment,
  prepareServerFolder,
  readPassword,
  SUPERUSER,
} from './postgres-data.ts';
import { lockFile, stopLeftover } from './postgres-lock.ts';
import { postgresUser, type SystemUser } from './postgres-user.ts';
import {
  type BackgroundProcess,
  type Exit,
  readLogTail,
  startInBackground,
  stopProcess,
} from './processes.ts';

export interface PostgresOptions {
  /** The project's `.cxflow` folder. */
  readonly dir: string;
  /** Default: the port of the last start, or a free one. */
  readonly port?: number;
  /** Default `<dir>/logs/postgres.log`. */
  readonly logFile?: string;
  /** Server settings, for example `{fsync: 'off'}` in tests: safe for kill -9, but not for a power failure. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Postgres {
  /** `postgres://cxflow:…@127.0.0.1:<port>/cxflow` */
  readonly url: string;
  readonly pid: number;
  readonly port: number;
  readonly exited: Promise<Exit>;
  /** Closes connections and stops within seconds. */
  stop(): Promise<void>;
  /** Sends SIGKILL, as in a crash, and resolves once the server has exited. */
  kill(): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;

/** Starts the server of `dir` and waits until it is ready. Stops a server that an earlier process has left running there. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const user = postgresUser();
  const binaries = await findBinaries(user);
  const folder = await prepareServerFolder(options.dir, user);
  const data = await initialiseData(folder, binaries, user);
  await stopLeftover(data);
  const port = await freePort(options.port ?? lastPort(folder));
  await writeFile(join(folder, 'port'), String(port));
  const child = await startUntilReady({ options, binaries, user, data, port });
  const server = createHandle(child, port, readPassword(folder));
  await createDatabase(server.url, SUPERUSER);
  return server;
}

function createHandle(child: BackgroundProcess, port: number, password: string): Postgres {
  const end = async (name: NodeJS.Signals, graceMs: number) => {
    await stopProcess(child.pid, name, graceMs);
    await child.exited;
  };
  return {
    url: `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${SUPERUSER}`,
    pid: child.pid,
    port,
    exited: child.exited,
    // SIGINT is PostgreSQL's "fast" shutdown: it rolls back open transactions instead of waiting for them.
    stop: () => end('SIGINT', 10_000),
    kill: () => end('SIGKILL', 0),
  };
}

function lastPort(folder: string): number | undefined {
  const file = join(folder, 'port');
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) || undefined : undefined;
}

interface Start {
  readonly options: PostgresOptions;
  readonly binaries: PostgresBinaries;
  readonly user: SystemUser | null;
  readonly data: string;
  readonly port: number;
}

/** Retries, because the backends of a killed server hold its shared memory for a moment, and starts fail meanwhile. */
async function startUntilReady(start: Start): Promise<BackgroundProcess> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const child = spawnServer(start);
    if (await isReady(start.data, child, deadline)) return child;
    await stopProcess(child.pid, 'SIGQUIT', 2_000);
    if (performance.now() > deadline) throw notReady(start);
    await delay(200);
  }
}

function spawnServer({ options, binaries, user, data, port }: Start): BackgroundProcess {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return startInBackground({
    file: binaries.postgres,
    args: ['-D', data, '-p', String(port), ...flags],
    env: postgresEnvironment(),
    logFile: logPath(options),
    cwd: '/',
    user,
  });
}

function logPath(options: PostgresOptions): string {
  return options.logFile ?? join(options.dir, 'logs', 'postgres.log');
}

async function isReady(data: string, child: BackgroundProcess, deadline: number): Promise<boolean> {
  let ended = false;
  void child.exited.then(() => (ended = true));
  while (!ended && performance.now() < deadline) {
    const lines = lockFile(data);
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
    await delay(20);
  }
  return false;
}

function notReady({ options }: Start): Error {
  const file = logPath(options);
  return new Error(
    `PostgreSQL did not start within ${READY_TIMEOUT_MS / 1000} s; the end of ${file}:\n${readLogTail(file)}`,
  );
}

/** Creates a database on the server of `url` unless it exists, and returns its URL. */
export async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl(url, 'postgres') });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  return databaseUrl(url, name);
}

/** The URL of another database on the same server. */
export function databaseUrl(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${encodeURIComponent(name)}`;
  return other.href;
}
