/**
 * The servers that Temporal's SDK can download. The download runs in a separate process,
 * `sdk-download temporal|test-server FOLDER`, because it cannot be cancelled in any other way.
 */
import { mkdir } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { downloadedFile } from './cache.ts';
import { runCommand } from './commands.ts';
import { nodeProgram } from './entries.ts';

export type SdkServer = 'temporal' | 'test-server';

/** Without a network the download fails immediately; a firewall that drops packets must not delay us for long. */
const DOWNLOAD_TIMEOUT_MS = 90_000;

/** The path of the downloaded server, or null: no network, no build for this machine, or the time limit has passed. */
export async function downloadBySdk(server: SdkServer, folder: string): Promise<string | null> {
  await mkdir(folder, { recursive: true });
  const program = nodeProgram('stack/sdk-download', [server, folder]);
  try {
    await runCommand({ ...program, timeoutMs: DOWNLOAD_TIMEOUT_MS });
  } catch {
    return null;
  }
  return downloadedFile(folder);
}

async function main(server: string, downloadDir: string): Promise<void> {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const options = { server: { executable: { type: 'cached-download' as const, downloadDir } } };
  const environment =
    server === 'temporal'
      ? await TestWorkflowEnvironment.createLocal(options)
      : await TestWorkflowEnvironment.createTimeSkipping(options);
  await environment.teardown();
}

const [script, server, folder] = process.argv.slice(1);
if (script && server && folder && pathToFileURL(script).href === import.meta.url) await main(server, folder);
