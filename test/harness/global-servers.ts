/** Vitest's global setup: one PostgreSQL and one Temporal for all projects that need them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProvidedContext } from 'vitest';
import type { TestProject } from 'vitest/node';
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
  readonly provided: ProvidedContext;
  readonly stop: () => Promise<void>;
}

/** On the global object, because each project loads this file again. */
const shared = globalThis as { cxflowTestServers?: { users: number; readonly servers: Promise<Servers> } };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const entry = (shared.cxflowTestServers ??= { users: 0, servers: startServers() });
  entry.users += 1;
  const { provided, stop } = await entry.servers;
  for (const [name, value] of Object.entries(provided)) {
    project.provide(name as keyof typeof provided, value as never);
  }
  return async () => {
    entry.users -= 1;
    if (entry.users > 0) return;
    delete shared.cxflowTestServers;
    await stop();
  };
}

async function startServers(): Promise<Servers> {
  const folder = await newFolder();
  const dir = join(folder, '.cxflow');
  const [postgres, temporal, timeSkippingServer] = await Promise.all([
    startTestPostgres({ dir }),
    startTestTemporal({ dir, dbFile: null, uiPort: null, namespaces: NAMESPACES }),
    findTimeSkippingServer(),
  ]);
  return {
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
