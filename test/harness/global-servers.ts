/** Vitest's global setup: one PostgreSQL and one Temporal for all projects that need them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProvidedContext } from 'vitest';
import type { TestProject } from 'vitest/node';
import { readLogTail } from '../../src/stack/processes.ts';
import type { TemporalServer } from '../../src/stack/temporal-server.ts';
import { findTimeSkippingServer } from '../../src/stack/time-skipping-server.ts';
import { newFolder, removeStackFolder } from './folders.ts';
import { startTestPostgres, startTestTemporal } from './servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** For PostgreSQL's superuser. Tests create their own database with freshDatabase(). */
    databaseUrl: string;
    temporalAddress: string;
    /** A folder with a file for each namespace in use, see freshNamespace(). */
    namespaceFolder: string;
    namespaces: readonly string[];
    /** For createTimeSkipping's `existing-path`. */
    timeSkippingServer: string;
  }
}

/** Created at the start, because it takes seconds until all parts of the server know a new namespace. */
const NAMESPACES = Array.from({ length: 256 }, (_, index) => `test-${index + 1}`);

interface Servers {
  /** Of the stack, with its logs. */
  readonly folder: string;
  readonly provided: ProvidedContext;
  readonly stop: () => Promise<void>;
}

/** On the global object, because each project loads this file again. */
const shared = globalThis as { cxflowTestServers?: { users: number; readonly servers: Promise<Servers> } };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const entry = (shared.cxflowTestServers ??= { users: 0, servers: startServers() });
  entry.users += 1;
  const { folder, provided, stop } = await entry.servers;
  for (const [name, value] of Object.entries(provided)) {
    project.provide(name as keyof typeof provided, value as never);
  }
  return async () => {
    entry.users -= 1;
    if (entry.users > 0) return;
    delete shared.cxflowTestServers;
    if (project.vitest.state.getCountOfFailedTests() > 0) {
      console.error(`The end of the log of the tests' Temporal server:\n${readTemporalLog(folder)}`);
    }
    await stop();
  };
}

async function startServers(): Promise<Servers> {
  const folder = await newFolder();
  const dir = join(folder, '.cxflow');
  const [postgres, temporal, timeSkippingServer] = await Promise.all([
    startTestPostgres({ dir }),
    startSharedTemporal(dir),
    findTimeSkippingServer(),
  ]);
  return {
    folder: dir,
    provided: {
      databaseUrl: postgres.url,
      temporalAddress: temporal.address,
      namespaceFolder: folder,
      namespaces: NAMESPACES,
      timeSkippingServer,
    },
    stop: async () => {
      await Promise.all([temporal.stop(), postgres.stop()]);
      await removeStackFolder(dir);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As fast as memory; only a power failure could lose data, not kill -9. */
const FAST_FILE = ['journal_mode=wal', 'synchronous=off'].flatMap((each) => ['--sqlite-pragma', each]);

/**
 * If it ends, which no test causes, it is started again with its data: hundreds of tests would fail for what they do not
 * test. The end of its log is printed then.
 */
async function startSharedTemporal(dir: string): Promise<Pick<TemporalServer, 'address' | 'stop'>> {
  let isStopping = false;
  const start = async (port?: number): Promise<TemporalServer> => {
    const server = await startTestTemporal({
      ...{
        dir,
        dbFile: join(dir, 'temporal.db'),
        uiPort: null,
        namespaces: NAMESPACES,
        extraArgs: FAST_FILE,
      },
      ...(port ? { port } : {}),
    });
    void server.exited.then(({ code, signal }) => {
      if (isStopping) return;
      console.error(
        `The tests' Temporal server ended with ${signal ?? code} and is started again. Its log:\n${readTemporalLog(dir)}`,
      );
      running = start(server.port);
      running.catch((error: unknown) => console.error('It did not start again:', error));
    });
    return server;
  };
  let running = start();
  const { address } = await running;
  const stop = async () => {
    isStopping = true;
    await running.then(
      (server) => server.stop(),
      () => undefined,
    );
  };
  return { address, stop };
}

const readTemporalLog = (dir: string) => readLogTail(join(dir, 'logs', 'temporal.log'), 30);
