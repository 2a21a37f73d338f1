/**
 * The servers that Temporal's SDK downloads by itself. In a process of its own, because a download can be ended only
 * that way; `node sdk-download.js temporal|test-server FOLDER` is that process.
 */
import { mkdir } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { downloadedFile } from './cache.ts';
import { runCommand } from './commands.ts';
import { nodeProgram } from './entries.ts';

export type SdkServer = 'temporal' | 'test-server';

/** Without a network the SDK gives up at once; a network that swallows packets must not hold us up for long. */
const DOWNLOAD_TIMEOUT_MS = 90_000;

/** The path of the downloaded server, or null where there is no network, no build for this machine, or no time. */
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
