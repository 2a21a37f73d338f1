/** PostgreSQL and Temporal for tests: shared by the whole test run (global-servers.ts), or for one test that kills them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../src/contract/run.ts';
import { type Postgres, type PostgresOptions, startPostgres } from '../../src/stack/postgres.ts';
import {
  startTemporalServer,
  type TemporalServer,
  type TemporalServerOptions,
} from '../../src/stack/temporal-server.ts';
import { newFolder, removeStackFolder } from './folders.ts';
import { guardian } from './guardian.ts';

/**
 * Without fsync tests are faster, and only a power failure could lose data, not kill -9. synchronous_commit stays on, because
 * kill -9 would otherwise lose commits that are acknowledged but still in the server's memory.
 */
const TEST_SETTINGS = { fsync: 'off', full_page_writes: 'off', max_connections: '200' };

export async function startTestPostgres(options: PostgresOptions): Promise<Postgres> {
  const server = await startPostgres({ settings: TEST_SETTINGS, ...options });
  guardian().watch(server.pid);
  void server.exited.then(() => guardian().forget(server.pid));
  return server;
}

export async function startTestTemporal(options: TemporalServerOptions): Promise<TemporalServer> {
  const server = await startTemporalServer({ searchAttributes: SEARCH_ATTRIBUTES, ...options });
  guardian().watch(server.pid);
  void server.exited.then(() => guardian().forget(server.pid));
  return server;
}

export interface Restartable<Server> {
  /** The server that is running now. */
  current(): Server;
  /** Sends SIGKILL. */
  kill(): Promise<void>;
  /** Restarts it at the same address with its data. */
  restart(): Promise<Server>;
}

export interface OwnServer<Server> extends Restartable<Server> {
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** The caller must remove it. */
export async function startOwnPostgres(): Promise<OwnServer<Postgres>> {
  const dir = join(await newFolder(), '.cxflow');
  const start = (port?: number) => startTestPostgres({ dir, ...(port ? { port } : {}) });
  const own = restartable(await start(), (server) => start(server.port));
  return {
    ...own,
    async remove() {
      await own.current().stop();
      await removeStackFolder(dir);
    },
  };
}

/** Has a database file. The caller must remove it. */
export async function startOwnTemporal(
  options: Pick<TemporalServerOptions, 'extraArgs' | 'namespaces'> = {},
): Promise<OwnServer<TemporalServer>> {
  const dir = await newFolder();
  const start = (port?: number) =>
    startTestTemporal({
      dir,
      dbFile: join(dir, 'temporal.db'),
      uiPort: null,
      ...options,
      ...(port ? { port } : {}),
    });
  const own = restartable(await start(), (server) => start(server.port));
  return {
    ...own,
    async remove() {
      await own.current().stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A PostgreSQL for the running test, removed when the test ends. */
export async function ownPostgres(): Promise<Restartable<Postgres>> {
  const own = await startOwnPostgres();
  onTestFinished(() => own.remove());
  return own;
}

/** A Temporal server with a database file for the running test, removed when the test ends. */
export async function ownTemporal(extraArgs: readonly string[] = []): Promise<Restartable<TemporalServer>> {
  const own = await startOwnTemporal({ extraArgs });
  onTestFinished(() => own.remove());
  return own;
}

function restartable<Server extends { kill(): Promise<void> }>(
  first: Server,
  startAgain: (before: Server) => Promise<Server>,
): Restartable<Server> {
  let server = first;
  return {
    current: () => server,
    kill: () => server.kill(),
    restart: async () => (server = await startAgain(server)),
  };
}
