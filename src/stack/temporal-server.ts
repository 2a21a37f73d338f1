/** Temporal's development server with its Web UI, on loopback only. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { connectOnce, freePort } from './ports.ts';
import { type Exit, readLogTail, startInBackground, stopProcess } from './processes.ts';
import { findTemporal } from './temporal-binary.ts';

export interface TemporalServerOptions {
  /** Default: findTemporal(). */
  readonly executable?: string;
  /** Keeps runs across restarts; null = in memory. */
  readonly dbFile: string | null;
  /** Default: a free port. */
  readonly port?: number;
  /** Default: a free port; null = no Web UI. */
  readonly uiPort?: number | null;
  /** For logs (`<dir>/logs/temporal.log`), and as the CLI's HOME, so that it does not read the user's configuration. */
  readonly dir: string;
  /** All of the type Keyword. */
  readonly searchAttributes?: readonly string[];
  /** In addition to `default`. */
  readonly namespaces?: readonly string[];
  readonly extraArgs?: readonly string[];
}

export interface TemporalServer {
  /** host:port */
  readonly address: string;
  readonly uiUrl: string | null;
  readonly pid: number;
  readonly port: number;
  readonly uiPort: number | null;
  readonly exited: Promise<Exit>;
  stop(): Promise<void>;
  /** Sends SIGKILL, as in a crash, and resolves once the server has exited. */
  kill(): Promise<void>;
}

const READY_TIMEOUT_MS = 60_000;

/** Free ports are chosen before they are bound, by us and by the server, so another program may take one in between. */
const PORT_IN_USE = /address already in use/;
const MAX_ATTEMPTS = 3;

/** Starts a server and waits until it answers for all its namespaces. */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !PORT_IN_USE.test((error as Error).message)) throw error;
    }
  }
}

async function startOnce(options: TemporalServerOptions): Promise<TemporalServer> {
  const executable = options.executable ?? (await findTemporal());
  const port = options.port ?? (await freePort());
  const uiPort = options.uiPort === undefined ? await freePort() : options.uiPort;
  const logFile = join(options.dir, 'logs', 'temporal.log');
  if (options.dbFile) await mkdir(dirname(options.dbFile), { recursive: true });
  const child = startInBackground({
    file: executable,
    args: serverArgs(options, port, uiPort),
    // Nothing else from our environment: TEMPORAL_ADDRESS, a profile or a proxy would change what the CLI does.
    env: { PATH: process.env.PATH, HOME: options.dir },
    logFile,
  });
  const end = async (name: NodeJS.Signals, graceMs: number) => {
    await stopProcess(child.pid, name, graceMs);
    await child.exited;
  };
  const address = `127.0.0.1:${port}`;
  try {
    await waitUntilReady(port, ['default', ...(options.namespaces ?? [])], child.exited);
  } catch (error) {
    await end('SIGKILL', 0);
    const { message } = error as Error;
    throw new Error(
      `The Temporal server did not start: ${message}; the end of ${logFile}:\n${readLogTail(logFile)}`,
      {
        cause: error,
      },
    );
  }
  const uiUrl = uiPort === null ? null : `http://127.0.0.1:${uiPort}`;
  const stop = () => end('SIGTERM', 5_000);
  return {
    address,
    uiUrl,
    pid: child.pid,
    port,
    uiPort,
    exited: child.exited,
    stop,
    kill: () => end('SIGKILL', 0),
  };
}

function serverArgs(options: TemporalServerOptions, port: number, uiPort: number | null): readonly string[] {
  const each = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value]);
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'warn'],
    ...(uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...(options.dbFile === null ? [] : ['--db-filename', options.dbFile]),
    ...each('--namespace', options.namespaces ?? []),
    ...each(
      '--search-attribute',
      (options.searchAttributes ?? []).map((name) => `${name}=Keyword`),
    ),
    ...(options.extraArgs ?? []),
  ];
}

async function waitUntilReady(
  port: number,
  namespaces: readonly string[],
  exited: Promise<Exit>,
): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  let ended: Exit | null = null;
  void exited.then((exit) => (ended = exit));
  for (;;) {
    try {
      // First a plain connection: if nothing listens yet, gRPC waits a whole second before it tries again.
      await connectOnce(port);
      await checkNamespaces(`127.0.0.1:${port}`, namespaces);
      // If ours has exited, another server answered at this port.
      if (ended) throw new Error('it exited');
      return;
    } catch (error) {
      if (ended) throw new Error('it exited', { cause: error });
      if (performance.now() > deadline) throw error;
      await delay(30);
    }
  }
}

/** Asks for the workflows of each namespace, because describeNamespace succeeds before all parts of the server know it. */
async function checkNamespaces(address: string, namespaces: readonly string[]): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    for (const namespace of namespaces) {
      await connection.withDeadline(Date.now() + 5_000, () =>
        connection.workflowService.countWorkflowExecutions({ namespace }),
      );
    }
  } finally {
    await connection.close();
  }
}
