/** The environment of a fault test: its own simulator, database and namespace, and workers that it can kill. */
import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import { type CxflowClient, connect } from '../../src/client.ts';
import type { ContactImportInput, ContactImportResult } from '../../src/contract/contact-import.ts';
import type { Phase } from '../../src/domain/run.ts';
import { type AdminClient, createAdminClient } from '../../src/simulator/admin-client.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { mulberry32 } from '../../src/simulator/random.ts';
import { type Conservation, expectConserved } from '../harness/conservation.ts';
import { newFolder } from '../harness/folders.ts';
import { freshDatabase, freshNamespace } from '../harness/fresh.ts';
import type { Processes, TestProcess } from '../harness/processes.ts';
import { answered, until } from '../harness/wait.ts';
import { resultOf, unlessStuck } from './stuck.ts';

export { answered, until };

type Env = Readonly<Record<string, string>>;

export interface StandOptions {
  /** Default: a new database on the shared server. */
  readonly databaseUrl?: string;
  /** Default: the shared server, with a namespace for this test alone. */
  readonly temporalAddress?: string;
  /** A namespace of that server; default `default`. */
  readonly namespace?: string;
  readonly latencyMs?: number;
  readonly faults?: readonly FaultRule[];
  readonly seed?: number;
  /** Additional flags for the simulator. */
  readonly simulatorArgs?: readonly string[];
  /** Environment variables for every worker. */
  readonly env?: Env;
  /** Set if the servers are down at first: the test then calls `connect` itself. Default false. */
  readonly isDown?: boolean;
}

export interface Stand {
  /** The simulator that is running now. */
  readonly simulator: () => TestProcess;
  /** Restarts it at the same address with its journal. Its request counts and received webhooks are reset. */
  readonly restartSimulator: () => Promise<void>;
  readonly simulatorUrl: string;
  readonly admin: AdminClient;
  readonly databaseUrl: string;
  readonly env: Env;
  readonly folder: string;
  readonly client: () => CxflowClient;
  /** Connects the client and prepares the database. */
  readonly connect: () => Promise<void>;
  /** Starts `node dist/worker.js` without waiting until it is ready. */
  readonly worker: (env?: Env) => TestProcess;
  readonly readyWorker: (env?: Env) => Promise<TestProcess>;
  /** Writes a seeded CSV, stages it and starts its import. Returns the run's id. */
  readonly startImport: (rows: number, input?: Partial<ContactImportInput>) => Promise<string>;
  /** Waits for the result. Throws an error with the run's progress if it does not end. */
  readonly ended: (runId: string) => Promise<ContactImportResult>;
  readonly conserved: (runId: string, more?: Partial<Conservation>) => ReturnType<typeof expectConserved>;
}

export const LIST = 'L1';

/** Prints the seed. `SEED=…` repeats a test run that failed. */
export function chooseSeed(fallback: number): number {
  const seed = Number(process.env.SEED ?? fallback);
  console.log(`SEED=${seed}`);
  return seed;
}

export function createRandom(seed: number): (least: number, most: number) => number {
  const random = mulberry32(seed);
  return (least, most) => least + Math.floor(random() * (most - least + 1));
}

/** Runs a test and stops everything that it started. Prints the workers' output if the test fails. */
export async function onStand(
  processes: Processes,
  options: StandOptions,
  test: (stand: Stand) => Promise<void>,
): Promise<void> {
  const workers: TestProcess[] = [];
  const folder = await newFolder();
  const env = await environment(options);
  const simulators = [startSimulator(processes, options, folder)];
  const simulator = () => simulators.at(-1) as TestProcess;
  const clients: CxflowClient[] = [];
  try {
    const [, simulatorUrl = ''] = await simulator().waitFor(/"url":"([^"]+)"/);
    const workerEnv = { ...env, CXONE_API_URL: simulatorUrl, ...options.env };
    const connected = (): CxflowClient => {
      const [client] = clients;
      if (!client) throw new Error('the client is not connected yet');
      return client;
    };
    const worker = (more: Env = {}): TestProcess => {
      const started = processes.start({ entry: 'worker', env: { ...workerEnv, ...more }, cwd: folder });
      workers.push(started);
      return started;
    };
    const stand: Stand = {
      simulator,
      async restartSimulator() {
        simulators.push(startSimulator(processes, options, folder, new URL(simulatorUrl).port));
        await simulator().waitFor(/"url"/);
      },
      simulatorUrl,
      admin: createAdminClient(simulatorUrl),
      databaseUrl: env.DATABASE_URL,
      env: workerEnv,
      folder,
      client: connected,
      async connect() {
        const client = await connect({ databaseUrl: env.DATABASE_URL, env });
        clients.push(client);
        await client.ledger.migrate();
      },
      worker,
      async readyWorker(more) {
        const started = worker(more);
        await started.waitFor(/worker is ready/);
        return started;
      },
      startImport: (rows, input) => startImport(connected(), folder, rows, input),
      ended(runId) {
        const client = connected();
        return unlessStuck(resultOf(client, runId), { client, runId, what: 'the run to end' });
      },
      conserved: (runId, more) =>
        expectConserved({ databaseUrl: env.DATABASE_URL, simulatorUrl, runId, ...more }),
    };
    if (!options.isDown) await stand.connect();
    await test(stand);
  } catch (error) {
    for (const each of workers) console.error(`worker ${each.pid}:\n${each.output().slice(-3_000)}`);
    throw error;
  } finally {
    await Promise.all([...workers, ...simulators].map((each) => each.kill()));
    await Promise.all(clients.map((client) => client.close()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function environment({ databaseUrl, temporalAddress, namespace = 'default' }: StandOptions) {
  return {
    DATABASE_URL: databaseUrl ?? (await freshDatabase()),
    TEMPORAL_ADDRESS: temporalAddress ?? inject('temporalAddress'),
    TEMPORAL_NAMESPACE: temporalAddress === undefined ? freshNamespace() : namespace,
    CXONE_CLIENT_ID: 'fault-tests',
    CXONE_CLIENT_SECRET: 'not-a-secret',
    CXFLOW_RATE_PER_MINUTE: '0',
  };
}

function startSimulator(
  processes: Processes,
  options: StandOptions,
  folder: string,
  port = '0',
): TestProcess {
  const { latencyMs = 0, faults = [], seed = 1, simulatorArgs = [] } = options;
  const file = join(folder, 'faults.json');
  writeFileSync(file, JSON.stringify(faults));
  const flags = ['--journal', join(folder, 'journal.ndjson'), '--faults', file];
  const args = [
    ...flags,
    '--port',
    port,
    '--seed',
    String(seed),
    '--latency-ms',
    String(latencyMs),
    ...simulatorArgs,
  ];
  return processes.start({ entry: 'simulator/main', args });
}

async function startImport(
  client: CxflowClient,
  folder: string,
  rows: number,
  input: Partial<ContactImportInput> = {},
): Promise<string> {
  const path = join(folder, `contacts-${rows}.csv`);
  await writeDemoContacts({ path, rows });
  const { source } = await client.stageFile(path);
  const { runId } = await client.startContactImport({ listId: LIST, source, ...input });
  return runId;
}

/** Resolves once CXone has applied this many records. */
export async function untilApplied(stand: Stand, records: number): Promise<void> {
  await until(stand.admin.health, ({ applied }) => applied >= records);
}

/** Resolves once the run is in this phase according to the ledger. The run need not have been opened yet. */
export async function untilPhase(stand: Stand, runId: string, phase: Phase): Promise<void> {
  await until(
    () => stand.client().ledger.runs.find(runId),
    (run) => run?.phase === phase,
  );
}

/**
 * Makes CXone answer without delay from now on. A test starts with slow answers, so that the run is still in progress at
 * every step of the test even on a busy machine, and calls this after the last step.
 */
export async function hurry({ admin }: Stand): Promise<void> {
  await admin.change({ latencyMs: 0 });
}
