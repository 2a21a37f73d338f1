/** What every scene needs: PostgreSQL and Temporal as `cxflow dev` starts them, a vendor, and workers from dist. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { SEARCH_ATTRIBUTES } from '../src/contract/run.ts';
import { createDatabase, type Postgres, startPostgres } from '../src/stack/postgres.ts';
import { type BackgroundProcess, startInBackground, stopProcess } from '../src/stack/processes.ts';
import { startTemporalServer, type TemporalServer } from '../src/stack/temporal-server.ts';
import { forkScript, killChild } from './contender.ts';
import type { VendorOrder, VendorStats } from './vendor.ts';

const WORKER = fileURLToPath(new URL('../dist/worker.js', import.meta.url));

export interface Vendor {
  readonly pid: number;
  readonly url: string;
  order(order: VendorOrder): Promise<VendorStats>;
}

export interface WorkerOptions {
  readonly databaseUrl: string;
  readonly inFlight: number;
  /** Default 0: no limit. */
  readonly ratePerMinute?: number;
  /** A folder for a CPU profile. */
  readonly profile?: string | null;
}

export interface Servers {
  readonly folder: string;
  readonly postgres: Postgres;
  readonly temporal: TemporalServer;
  readonly vendor: Vendor;
  /** Returns the URL of a new, empty database. */
  newDatabase(): Promise<string>;
  /** Starts `dist/worker.js`, as it would be deployed, and waits until it polls. */
  startWorker(options: WorkerOptions): Promise<BackgroundProcess>;
  /** With SIGTERM, so that a profile is written. */
  stopWorker(worker: BackgroundProcess): Promise<void>;
}

/** Starts the servers, runs a scene, and stops everything even if the scene fails. */
export async function withServers<T>(scene: (servers: Servers) => Promise<T>): Promise<T> {
  if (!existsSync(WORKER)) throw new Error(`${WORKER} is missing: npm run build`);
  const folder = await mkdtemp(join(tmpdir(), 'cxflow-bench-'));
  const dir = join(folder, '.cxflow');
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const postgres = await startPostgres({ dir, settings: { max_connections: '200' } });
    ends.push(() => postgres.stop());
    const temporal = await startTemporalServer({
      dir,
      dbFile: join(dir, 'temporal.db'),
      uiPort: null,
      searchAttributes: SEARCH_ATTRIBUTES,
    });
    ends.push(() => temporal.stop());
    const vendorProcess = forkScript('vendor.ts', {});
    ends.push(() => killChild(vendorProcess));
    const vendor = await connectVendor(vendorProcess);
    return await scene(createServers({ folder, postgres, temporal, vendor }, ends));
  } finally {
    for (const end of ends.reverse()) await end();
    await removeFolder(folder);
  }
}

type Parts = Pick<Servers, 'folder' | 'postgres' | 'temporal' | 'vendor'>;

function createServers(parts: Parts, ends: (() => Promise<unknown>)[]): Servers {
  let databases = 0;
  return {
    ...parts,
    newDatabase: () => createDatabase(parts.postgres.url, `bench_${(databases += 1)}`),
    async startWorker(options) {
      const logFile = join(parts.folder, `worker-${ends.length}.log`);
      const worker = startInBackground({
        file: process.execPath,
        args: [...profileFlags(options.profile), WORKER],
        env: workerEnv(parts, options),
        logFile,
      });
      ends.push(() => stopProcess(worker.pid, 'SIGKILL', 0));
      await waitForLine(logFile, 'worker is ready', worker);
      return worker;
    },
    stopWorker: (worker) => stopProcess(worker.pid, 'SIGTERM', 15_000),
  };
}

const profileFlags = (profile: string | null | undefined): readonly string[] =>
  profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [];

export function workerEnv({ temporal, vendor }: Parts, options: WorkerOptions) {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    DATABASE_URL: options.databaseUrl,
    TEMPORAL_ADDRESS: temporal.address,
    CXONE_API_URL: vendor.url,
    CXONE_CLIENT_ID: 'bench',
    CXONE_CLIENT_SECRET: 'not-a-secret',
    CXFLOW_RATE_PER_MINUTE: String(options.ratePerMinute ?? 0),
    CXFLOW_MAX_IN_FLIGHT: String(options.inFlight),
    CXFLOW_LIST_INTERVAL_MS: '0',
    CXFLOW_EMAIL_DAILY_LIMIT: '100000000',
  };
}

async function connectVendor(child: ChildProcess): Promise<Vendor> {
  const answer = async (): Promise<VendorStats> => {
    const [stats] = (await once(child, 'message')) as [VendorStats];
    return stats;
  };
  const { url } = await answer();
  return {
    pid: child.pid ?? -1,
    url,
    order(order) {
      const stats = answer();
      child.send(order);
      return stats;
    },
  };
}

/** `url` is one of `newDatabase`. */
export async function dropDatabase({ postgres }: Servers, url: string): Promise<void> {
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  await admin.query(`drop database ${admin.escapeIdentifier(new URL(url).pathname.slice(1))} with (force)`);
  await admin.end();
}

async function waitForLine(file: string, line: string, worker: BackgroundProcess): Promise<void> {
  let ended = false;
  void worker.exited.then(() => (ended = true));
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.includes(line)) return;
    if (ended) throw new Error(`the worker has exited:\n${text.slice(-2_000)}`);
    await delay(50);
  }
}

/**
 * Removes the folder of the servers and their data, to which it may only have a link
 * (docs/adr/0001-embedded-postgresql.md#where-the-binaries-and-the-data-live).
 */
export async function removeFolder(folder: string): Promise<void> {
  const link = join(folder, '.cxflow', 'postgres');
  const data = await realpath(link).catch(() => link);
  await rm(data, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}
