/** The processes of the stack, in the order of their start, and what they tell each other. */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SEARCH_ATTRIBUTES } from '../contract/run.ts';
import { nodeProgram, type Program } from './entries.ts';
import type { Running, StackEvent } from './keep-alive.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { startProgram } from './programs.ts';
import type { ChildName, StackAddresses, StackFile } from './stack-file.ts';
import { findTemporal } from './temporal-binary.ts';
import { startTemporalServer } from './temporal-server.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface StackOptions {
  /** The folder of data, addresses and logs: `.cxflow`. */
  readonly dir: string;
  /** Start the simulator, unless CXONE_API_URL is set. */
  readonly simulator: boolean;
  readonly worker: boolean;
  readonly env?: Env;
  /** Gets a line when something takes long, e.g. building the Temporal server. */
  readonly log?: (line: string) => void;
  readonly onEvent?: (event: StackEvent) => void;
  /** Other programs than ours, for tests. The simulator gets `--port N --journal FILE`. */
  readonly programs?: Readonly<Partial<Record<'simulator' | 'worker', Program>>>;
}

export interface Child {
  readonly name: ChildName;
  readonly start: () => Promise<Running>;
}

export interface Children {
  readonly list: readonly Child[];
  /** Known when the servers have been started. */
  addresses(): StackAddresses;
  /** The variables by which worker and commands find the servers. */
  environment(): Record<string, string>;
}

/** The worker drains for 7 s (decisions.md 20). */
const WORKER_GRACE_MS = 10_000;
const SIMULATOR_GRACE_MS = 3_000;

/** What worker and commands say to the simulator. Not a secret: it listens on loopback only. */
const SIMULATOR_CLIENT = { CXONE_CLIENT_ID: 'simulator', CXONE_CLIENT_SECRET: 'simulator-secret' };

export function createChildren(options: StackOptions, ports: StackFile['ports']): Children {
  const { dir, env = process.env } = options;
  const givenUrl = givenDatabase(env);
  const own = { temporal: !env.TEMPORAL_ADDRESS, simulator: wantsSimulator(options) };
  let database: Postgres | null = null;
  const addresses = (): StackAddresses => ({
    databaseUrl: givenUrl ?? database?.url ?? '',
    temporalAddress: env.TEMPORAL_ADDRESS || `127.0.0.1:${ports.temporal}`,
    temporalUiUrl: own.temporal ? `http://127.0.0.1:${ports.temporalUi}` : null,
    simulatorUrl: own.simulator ? `http://127.0.0.1:${ports.simulator}` : null,
  });
  const environment = () => environmentOf(addresses());
  const postgres = async () => {
    const server = await startPostgres({ dir, ...(database ? { port: database.port } : {}) });
    return (database = await atSameAddress(server, database));
  };
  const all: readonly (Child & { readonly wanted: boolean })[] = [
    { name: 'postgres', wanted: givenUrl === null, start: postgres },
    { name: 'temporal', wanted: own.temporal, start: () => startTemporal(options, ports) },
    {
      name: 'simulator',
      wanted: own.simulator,
      start: () => startSimulator(options, ports.simulator, environment()),
    },
    { name: 'worker', wanted: options.worker, start: () => startWorker(options, environment()) },
  ];
  return { list: all.filter(({ wanted }) => wanted), addresses, environment };
}

type Ours = Readonly<Record<string, string>>;

function startSimulator({ dir, env, programs }: StackOptions, port: number, ours: Ours): Promise<Running> {
  const program = programs?.simulator ?? nodeProgram('simulator/main');
  // Started again, it goes on from what its journal says was applied.
  const journal = join(dir, 'simulator', 'journal.ndjson');
  mkdirSync(dirname(journal), { recursive: true });
  return startProgram({
    program: { ...program, args: [...program.args, '--port', String(port), '--journal', journal] },
    env: withoutForeign(env ?? process.env, ours),
    logFile: join(dir, 'logs', 'simulator.log'),
    graceMs: SIMULATOR_GRACE_MS,
    port,
  });
}

function startWorker({ dir, env, programs }: StackOptions, ours: Ours): Promise<Running> {
  return startProgram({
    program: programs?.worker ?? nodeProgram('worker'),
    env: { ...withoutForeign(env ?? process.env, ours), ...ours },
    logFile: join(dir, 'logs', 'worker.log'),
    graceMs: WORKER_GRACE_MS,
  });
}

function givenDatabase(env: Env): string | null {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  return env.DATABASE_URL_FILE ? readFileSync(env.DATABASE_URL_FILE, 'utf8').trim() : null;
}

function wantsSimulator({ simulator, env = process.env }: StackOptions): boolean {
  return simulator && !env.CXONE_API_URL;
}

async function startTemporal({ dir, env, log }: StackOptions, ports: StackFile['ports']): Promise<Running> {
  return startTemporalServer({
    executable: await findTemporal({ ...(env ? { env } : {}), ...(log ? { log } : {}) }),
    dir,
    dbFile: join(dir, 'temporal', 'temporal.db'),
    port: ports.temporal,
    uiPort: ports.temporalUi,
    searchAttributes: SEARCH_ATTRIBUTES,
  });
}

/** Started again, the database must be where worker and commands look for it. */
async function atSameAddress(server: Postgres, before: Postgres | null): Promise<Postgres> {
  if (before && server.port !== before.port) {
    await server.stop();
    throw new Error(`port ${before.port} is in use by another program`);
  }
  return server;
}

function environmentOf(addresses: StackAddresses): Record<string, string> {
  const { databaseUrl, temporalAddress, simulatorUrl } = addresses;
  return {
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
    ...(simulatorUrl ? { CXONE_API_URL: simulatorUrl, CXONE_REGION: 'us', ...SIMULATOR_CLIENT } : {}),
  };
}

/** Without the caller's settings of a Temporal, or a CXone, that is not the one of this stack. */
function withoutForeign(env: Env, ours: Ours): Env {
  const foreign = (name: string) =>
    name === 'DATABASE_URL_FILE' ||
    (name.startsWith('TEMPORAL_') && !env.TEMPORAL_ADDRESS) ||
    (name.startsWith('CXONE_') && 'CXONE_API_URL' in ours);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign(name)));
}
