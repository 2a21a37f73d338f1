/** The processes of the stack, in the order in which they start, and the environment that connects them. */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Env } from '../config/reader.ts';
import { SEARCH_ATTRIBUTES } from '../contract/run.ts';
import { nodeProgram, type Program } from './entries.ts';
import type { Running, StackEvent } from './keep-alive.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { startProgram } from './programs.ts';
import type { ChildName, StackAddresses, StackFile } from './stack-file.ts';
import { findTemporal } from './temporal-binary.ts';
import { startTemporalServer } from './temporal-server.ts';

export interface StackOptions {
  /** The folder for data, addresses and logs: `.cxflow`. */
  readonly dir: string;
  /** Start the simulator, unless CXONE_API_URL is set. */
  readonly simulator: boolean;
  readonly worker: boolean;
  readonly env?: Env;
  /** Receives a line about everything that takes long, such as building the Temporal server. */
  readonly log?: (line: string) => void;
  readonly onEvent?: (event: StackEvent) => void;
  /** Replacements for our programs, for tests. The simulator receives `--port N --journal FILE`. */
  readonly programs?: Readonly<Partial<Record<'simulator' | 'worker', Program>>>;
}

export interface Child {
  readonly name: ChildName;
  readonly start: () => Promise<Running>;
}

export interface Children {
  readonly list: readonly Child[];
  /** Complete once the servers have been started. */
  addresses(): StackAddresses;
  /** The variables with which the worker and commands find the servers. */
  environment(): Record<string, string>;
}

/** The worker drains for 7 s (docs/adr/0014-lost-answers.md#times). */
const WORKER_GRACE_MS = 10_000;
const SIMULATOR_GRACE_MS = 3_000;

/** The client with which the worker and commands call the simulator. Not a secret: it listens only on loopback. */
const SIMULATOR_CLIENT = { CXONE_CLIENT_ID: 'simulator', CXONE_CLIENT_SECRET: 'simulator-secret' };

export function createChildren(options: StackOptions, ports: StackFile['ports']): Children {
  const { dir, env = process.env } = options;
  const externalUrl = externalDatabase(env);
  const own = { temporal: !env.TEMPORAL_ADDRESS, simulator: wantsSimulator(options) };
  let database: Postgres | null = null;
  const addresses = (): StackAddresses => ({
    databaseUrl: externalUrl ?? database?.url ?? '',
    temporalAddress: env.TEMPORAL_ADDRESS || `127.0.0.1:${ports.temporal}`,
    temporalUiUrl: own.temporal ? `http://127.0.0.1:${ports.temporalUi}` : null,
    simulatorUrl: own.simulator ? `http://127.0.0.1:${ports.simulator}` : null,
  });
  const environment = () => toEnvironment(addresses());
  const postgres = async () => {
    const server = await startPostgres({ dir, ...(database ? { port: database.port } : {}) });
    return (database = await atSameAddress(server, database));
  };
  const all: readonly (Child & { readonly wanted: boolean })[] = [
    { name: 'postgres', wanted: externalUrl === null, start: postgres },
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

type StackEnvironment = Readonly<Record<string, string>>;

function startSimulator(
  { dir, env, programs }: StackOptions,
  port: number,
  stackEnv: StackEnvironment,
): Promise<Running> {
  const program = programs?.simulator ?? nodeProgram('simulator/main');
  // After a restart it restores its state from the journal.
  const journal = join(dir, 'simulator', 'journal.ndjson');
  mkdirSync(dirname(journal), { recursive: true });
  return startProgram({
    program: { ...program, args: [...program.args, '--port', String(port), '--journal', journal] },
    env: withoutExternalServers(env ?? process.env, stackEnv),
    logFile: join(dir, 'logs', 'simulator.log'),
    graceMs: SIMULATOR_GRACE_MS,
    port,
  });
}

function startWorker({ dir, env, programs }: StackOptions, stackEnv: StackEnvironment): Promise<Running> {
  return startProgram({
    program: programs?.worker ?? nodeProgram('worker'),
    env: { ...withoutExternalServers(env ?? process.env, stackEnv), ...stackEnv },
    logFile: join(dir, 'logs', 'worker.log'),
    graceMs: WORKER_GRACE_MS,
  });
}

function externalDatabase(env: Env): string | null {
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

/** A restarted database must have the same address, because the worker and commands already use it. */
async function atSameAddress(server: Postgres, before: Postgres | null): Promise<Postgres> {
  if (before && server.port !== before.port) {
    await server.stop();
    throw new Error(`port ${before.port} is in use by another program`);
  }
  return server;
}

function toEnvironment(addresses: StackAddresses): Record<string, string> {
  const { databaseUrl, temporalAddress, simulatorUrl } = addresses;
  return {
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
    ...(simulatorUrl ? { CXONE_API_URL: simulatorUrl, CXONE_REGION: 'us', ...SIMULATOR_CLIENT } : {}),
  };
}

/** Removes the caller's settings for a Temporal or a CXone that is not the one of this stack. */
function withoutExternalServers(env: Env, stackEnv: StackEnvironment): Env {
  const isExternal = (name: string) =>
    name === 'DATABASE_URL_FILE' ||
    (name.startsWith('TEMPORAL_') && !env.TEMPORAL_ADDRESS) ||
    (name.startsWith('CXONE_') && 'CXONE_API_URL' in stackEnv);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isExternal(name)));
}
