/** PostgreSQL and Temporal for tests: one of each for a whole run (global-servers.ts), or a test's own ones to kill. */
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
 * A kill -9 loses nothing without fsync, only a power cut does; tests are faster so. Not synchronous_commit=off: commits
 * that were answered stay in the server's own memory for a moment then, and are lost with it.
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
  /** The one that runs now. */
  current(): Server;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** At the same address as before, with what it had kept. */
  restart(): Promise<Server>;
}

export interface OwnServer<Server> extends Restartable<Server> {
  /** Stops it and removes what it kept. */
  remove(): Promise<void>;
}

/** Whoever starts it removes it. */
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

/** Whoever starts it removes it. With a database file. */
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

/** A PostgreSQL of the running test, stopped and removed at its end. */
export async function ownPostgres(): Promise<Restartable<Postgres>> {
  const own = await startOwnPostgres();
  onTestFinished(() => own.remove());
  return own;
}

/** A Temporal server of the running test, with a database file, stopped and removed at its end. */
export async function ownTemporal(extraArgs: readonly string[] = []): Promise<Restartable<TemporalServer>> {
  const own = await startOwnTemporal({ extraArgs });
  onTestFinished(() => own.remove());
  return own;
}

function restartable<Server extends { kill(): Promise<void> }>(
  first: Server,
  again: (before: Server) => Promise<Server>,
): Restartable<Server> {
  let server = first;
  return {
    current: () => server,
    kill: () => server.kill(),
    restart: async () => (server = await again(server)),
  };
}
