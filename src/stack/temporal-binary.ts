/** Finds or fetches a Temporal server (docs/adr/0001-embedded-postgresql.md#where-the-temporal-server-comes-from). */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../config/reader.ts';
import { cacheFolder, createOnce, downloadedFile } from './cache.ts';
import { findOnPath, isRunnable, runCommand } from './commands.ts';
import { downloadBySdk } from './sdk-download.ts';

/** Later tags of the CLI cannot be installed by `go install`: their go.mod has a replace directive. */
const TEMPORAL_CLI_VERSION = 'v1.5.1';
const TEMPORAL_CLI_MODULE = 'github.com/temporalio/cli/cmd/temporal';
const GO_TIMEOUT_MS = 30 * 60_000;

export interface FindOptions {
  readonly env?: Env;
  /** Receives a line about everything that takes long. */
  readonly log?: (line: string) => void;
}

/** The path of a `temporal` that can run `server start-dev`. With `fetch: false`, null if this machine has none. */
export async function findTemporal(options: FindOptions & { readonly fetch: false }): Promise<string | null>;
export async function findTemporal(options?: FindOptions): Promise<string>;
export async function findTemporal(
  options: FindOptions & { readonly fetch?: false } = {},
): Promise<string | null> {
  const { env = process.env, log = () => undefined } = options;
  const sdkFolder = join(cacheFolder(env), 'temporal', 'sdk');
  const goFolder = join(cacheFolder(env), 'temporal', TEMPORAL_CLI_VERSION);
  const goBinary = join(goFolder, process.platform === 'win32' ? 'temporal.exe' : 'temporal');
  const present = findOnPath('temporal', env) ?? (await downloadedFile(sdkFolder));
  if (present) return present;
  if (isRunnable(goBinary)) return goBinary;
  if (options.fetch === false) return null;
  return (await downloadBySdk('temporal', sdkFolder)) ?? buildWithGo(goFolder, goBinary, env, log);
}

async function buildWithGo(
  folder: string,
  binary: string,
  env: Env,
  log: (line: string) => void,
): Promise<string> {
  const go = findOnPath('go', env);
  if (!go) throw new Error(MISSING_SERVER);
  const step = 'building the Temporal server with Go (once, about three minutes)';
  log(`${step} …`);
  await createOnce(folder, async (draft) => {
    const caches = join(draft, 'go-caches');
    await runCommand({
      file: go,
      args: ['install', `${TEMPORAL_CLI_MODULE}@${TEMPORAL_CLI_VERSION}`],
      env: { ...env, ...(await temporaryCaches(go, env, caches)), GOBIN: draft },
      timeoutMs: GO_TIMEOUT_MS,
      onProgress: (seconds) => log(`${step} … ${seconds} s`),
    });
    await rm(caches, { recursive: true, force: true });
  });
  if (!existsSync(binary)) throw new Error(`go install did not create ${binary}`);
  return binary;
}

/** Go would leave 3 GB of caches in the home folder, so they are temporary unless the user already has such caches. */
async function temporaryCaches(go: string, env: Env, folder: string): Promise<Env> {
  const output = await runCommand({
    file: go,
    args: ['env', 'GOMODCACHE', 'GOCACHE'],
    env,
    timeoutMs: 60_000,
  });
  const [modules = '', builds = ''] = output.split('\n');
  return {
    // Without it Go makes the folders of modules read-only, and they cannot be removed.
    GOFLAGS: '-modcacherw',
    ...(!existsSync(modules) && { GOPATH: join(folder, 'path'), GOMODCACHE: join(folder, 'modules') }),
    ...(!existsSync(builds) && { GOCACHE: join(folder, 'builds') }),
  };
}

const MISSING_SERVER = [
  'No Temporal server was found, and none could be downloaded. Any one of these helps:',
  '  - set TEMPORAL_ADDRESS (host:port) to a running server;',
  '  - install the Temporal CLI, so that `temporal` is on the PATH (https://docs.temporal.io/cli);',
  '  - give this machine access to temporal.download, from which the SDK downloads a server;',
  `  - install Go (https://go.dev), with which cxflow builds ${TEMPORAL_CLI_VERSION} once.`,
].join('\n');
