/** Where the Temporal server comes from (design.md "The embedded stack"). Never a home-made one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, downloadedFile, makeOnce } from './cache.ts';
import { findOnPath, isRunnable, runCommand } from './commands.ts';
import { downloadBySdk } from './sdk-download.ts';

/** Later tags of the CLI cannot be installed by `go install`: their go.mod has a replace directive. */
export const TEMPORAL_CLI_VERSION = 'v1.5.1';
const TEMPORAL_CLI_MODULE = 'github.com/temporalio/cli/cmd/temporal';
const GO_TIMEOUT_MS = 30 * 60_000;

export interface FindOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Gets a line for everything that takes long. */
  readonly log?: (line: string) => void;
}

/** The path of a `temporal` that can run `server start-dev`. Without `fetch`, null where none is on this machine yet. */
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

type Env = Readonly<Record<string, string | undefined>>;

async function buildWithGo(
  folder: string,
  binary: string,
  env: Env,
  log: (line: string) => void,
): Promise<string> {
  const go = findOnPath('go', env);
  if (!go) throw new Error(HOW_TO_GET_ONE);
  const words = 'building the Temporal server with Go, once, about three minutes';
  log(`${words} …`);
  await makeOnce(folder, async (draft) => {
    await runCommand({
      file: go,
      args: ['install', `${TEMPORAL_CLI_MODULE}@${TEMPORAL_CLI_VERSION}`],
      env: { ...env, GOBIN: draft, GOFLAGS: '' },
      timeoutMs: GO_TIMEOUT_MS,
      onProgress: (seconds) => log(`${words} … ${seconds} s`),
    });
  });
  if (!existsSync(binary)) throw new Error(`go install left no ${binary}`);
  return binary;
}

const HOW_TO_GET_ONE = [
  'There is no Temporal server on this machine. Any one of these helps:',
  '  - set TEMPORAL_ADDRESS (host:port) to a server that runs already;',
  '  - install the Temporal CLI, so that `temporal` is on the PATH (https://docs.temporal.io/cli);',
  '  - let this machine reach temporal.download, from where the SDK fetches one;',
  `  - install Go (https://go.dev), with which cxflow builds ${TEMPORAL_CLI_VERSION} once.`,
].join('\n');
