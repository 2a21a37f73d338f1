/** The folder of things that are fetched or built once per machine, and used by every clone. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

export function cacheFolder(env: Env = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cxflow');
}

/** Makes `folder` by filling a draft beside it, so that a half-made one is never found; two makers do no harm. */
export async function makeOnce(folder: string, fill: (draft: string) => Promise<void>): Promise<void> {
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

/** The one finished file in a folder that the SDK downloads to; null before. */
export async function downloadedFile(folder: string): Promise<string | null> {
  const names = await readdir(folder).catch(() => []);
  const name = names.find((each) => !each.endsWith('.downloading'));
  return name === undefined ? null : join(folder, name);
}
