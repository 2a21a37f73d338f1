/** Temporary folders, which are removed even if the tests are killed. */
import { existsSync, realpathSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardian } from './guardian.ts';

/** A new folder with mode 0700, like those of mktemp, or 0755, which PostgreSQL's user can reach. */
export async function newFolder(mode: 0o700 | 0o755 = 0o755): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cxflow-test-'));
  await chmod(folder, mode);
  guardian().clean(folder);
  return folder;
}

/**
 * Removes the folder `dir` of a stack, and the one under /var/tmp to which its `postgres` may link
 * (docs/adr/0001-embedded-postgresql.md#where-the-binaries-and-the-data-live).
 */
export async function removeStackFolder(dir: string): Promise<void> {
  const link = join(dir, 'postgres');
  const data = existsSync(link) ? realpathSync(link) : null;
  await rm(dir, { recursive: true, force: true });
  if (data) await rm(data, { recursive: true, force: true });
}
