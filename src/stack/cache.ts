/** The cache folder: servers that are downloaded or built once per user and shared by all clones. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Env } from '../config/reader.ts';

export function cacheFolder(env: Env = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cxflow');
}

/** Fills a temporary folder and renames it to `folder`, so that it is never incomplete. Safe to call concurrently. */
export async function createOnce(folder: string, fill: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${folder}.${randomBytes(6).toString('hex')}`;
  await mkdir(dirname(folder), { recursive: true });
  await mkdir(draft);
  try {
    await fill(draft);
    await rename(draft, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The file that the SDK has downloaded to a folder, or null if there is none yet. */
export async function downloadedFile(folder: string): Promise<string | null> {
  const names = await readdir(folder).catch(() => []);
  const name = names.find((each) => !each.endsWith('.downloading'));
  return name === undefined ? null : join(folder, name);
}
