/**
 * The environment of a scenario: worker, simulator and command line, each as its own process, with the real servers of the
 * test run. All tests of a file share one database and one namespace, so each uses a different list.
 */
import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import { type CxflowClient, connect } from '../../src/client.ts';
import type { SelectionUpdateResult } from '../../src/contract/selection-update.ts';
import { type AdminClient, createAdminClient } from '../../src/simulator/admin-client.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { type Conservation, expectConserved } from '../harness/conservation.ts';
import { newFolder } from '../harness/folders.ts';
import { freshDatabase, freshNamespace } from '../harness/fresh.ts';
import { type Processes, type TestProcess, useProcesses } from '../harness/processes.ts';

export { answered, until } from '../harness/wait.ts';

export type Env = Readonly<Record<string, string>>;

export interface StandOptions {
  /** Added to every request to CXone's API. */
  readonly latencyMs?: number;
  readonly faults?: readonly FaultRule[];
  /** Additional flags for the simulator. */
  readonly simulatorArgs?: readonly string[];
  /** A database and a namespace of its own, for scenes of one file about the same campaign or list. */
  readonly ownLedger?: boolean;
  /** Environment variables for the worker only. `CRM` in a value is replaced by the URL of the simulator's webhook receiver. */
  readonly env?: Env;
}

/** A command that has ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Stand {
  readonly folder: string;
  readonly simulatorUrl: string;
  readonly admin: AdminClient;
  readonly client: CxflowClient;
  readonly worker: TestProcess;
  readonly env: Env;
  /** Starts `cxflow …` in the stand's folder. */
  readonly start: (args: readonly string[], env?: Env) => TestProcess;
  /** Runs `cxflow …` until it exits. */
  readonly cxflow: (args: readonly string[], env?: Env) => Promise<Ended>;
  /** Adds `--json`; fails unless stdout is one JSON document. */
  readonly json: <T = Record<string, unknown>>(args: readonly string[]) => Promise<Ended & { document: T }>;
  /** Writes a file into the folder. */
  readonly file: (name: string, content: string | Buffer) => void;
  readonly conserved: (runId: string, more?: Partial<Conservation>) => ReturnType<typeof expectConserved>;
}

/** What `selection update --json` prints. */
export type PrintedUpdate = SelectionUpdateResult & {
  readonly failure: { readonly type: string; readonly message: string } | null;
};

export const CRM = 'crm';

/** To be called at the top of a file. Returns a function that runs a test with its own processes and stops them afterwards. */
export function useStand() {
  const processes = useProcesses();
  let servers: Promise<Env> | null = null;
  return async (options: StandOptions, scene: (stand: Stand) => Promise<void>): Promise<void> => {
    const own = options.ownLedger ? environment() : (servers ??= environment());
    await onStand(processes, await own, options, scene);
  };
}

async function environment(): Promise<Env> {
  return {
    DATABASE_URL: await freshDatabase(),
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: freshNamespace(),
    CXONE_CLIENT_ID: 'scenarios',
    CXONE_CLIENT_SECRET: 'not-a-secret',
    CXFLOW_RATE_PER_MINUTE: '0',
  };
}

async function onStand(
  processes: Processes,
  servers: Env,
  options: StandOptions,
  scene: (stand: Stand) => Promise<void>,
): Promise<void> {
  const folder = await newFolder();
  const simulator = startSimulator(processes, options, folder);
  const started: TestProcess[] = [simulator];
  let client: CxflowClient | null = null;
  try {
    const [, simulatorUrl = ''] = await simulator.waitFor(/"url":"([^"]+)"/);
    const admin = createAdminClient(simulatorUrl);
    const env: Env = { ...servers, CXONE_API_URL: simulatorUrl };
    const worker = startWorker(processes, { ...env, ...workerEnv(options, admin) }, folder);
    started.push(worker);
    client = await connect({ databaseUrl: servers.DATABASE_URL ?? '', env });
    await worker.waitFor(/worker is ready/);
    await scene({
      folder,
      simulatorUrl,
      admin,
      client,
      worker,
      env,
      ...commands(processes, env, folder, started),
      file: (name, content) => writeFileSync(join(folder, name), content),
      conserved: (runId, more) =>
        expectConserved({ databaseUrl: env.DATABASE_URL ?? '', simulatorUrl, runId, ...more }),
    });
    await worker.terminate();
  } finally {
    await Promise.all(started.map((each) => each.kill()));
    await client?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function startSimulator(processes: Processes, options: StandOptions, folder: string): TestProcess {
  const { latencyMs = 0, faults = [], simulatorArgs = [] } = options;
  const file = join(folder, 'faults.json');
  writeFileSync(file, JSON.stringify(faults));
  const args = ['--faults', file, '--latency-ms', String(latencyMs), ...simulatorArgs];
  return processes.start({ entry: 'simulator/main', args });
}

function startWorker(processes: Processes, env: Env, folder: string): TestProcess {
  return processes.start({ entry: 'worker', env: { CXFLOW_SOURCE_DIR: folder, ...env }, cwd: folder });
}

function workerEnv({ env = {} }: StandOptions, admin: AdminClient): Env {
  const url = admin.webhookUrl(CRM);
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('CRM', url)]));
}

function commands(
  processes: Processes,
  env: Env,
  folder: string,
  started: TestProcess[],
): Pick<Stand, 'start' | 'cxflow' | 'json'> {
  const start: Stand['start'] = (args, more = {}) => {
    const command = processes.start({ entry: 'cxflow', args, env: { ...env, ...more }, cwd: folder });
    started.push(command);
    return command;
  };
  const cxflow: Stand['cxflow'] = async (args, more) => endOf(start(args, more));
  return {
    start,
    cxflow,
    async json(args) {
      const ended = await cxflow([...args, '--json']);
      return { ...ended, document: documentOf(ended.stdout) as never };
    },
  };
}

export async function endOf(command: TestProcess): Promise<Ended> {
  const { code } = await command.exited;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}

/** The contract of `--json`: stdout is exactly one document. */
function documentOf(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return expect.fail(`stdout is not one JSON document: ${JSON.stringify(stdout.slice(0, 1_000))}`);
  }
}

/** The id of the started import, from its output. */
export function runIdIn(output: string): string {
  const [, runId] = /\brun ((?:contact-import|email-send):\S+)/.exec(output) ?? [];
  return runId ?? expect.fail(`no run id in: ${output}`);
}
