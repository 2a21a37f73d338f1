/** Temporary folders that do not outlive the tests. */
import { existsSync, realpathSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardian } from './guardian.ts';

/** A new folder; `mode` 0700, as mktemp makes it, or 0755, which PostgreSQL's user can go through. */
export async function newFolder(mode: 0o700 | 0o755 = 0o755): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cxflow-test-'));
  await chmod(folder, mode);
  guardian().clean(folder);
  return folder;
}

/** Also what its `postgres` links to (decisions.md 30). `dir`: the folder that startPostgres got. */
export async function removeStackFolder(dir: string): Promise<void> {
  const home = join(dir, 'postgres');
  const data = existsSync(home) ? realpathSync(home) : null;
  await rm(dir, { recursive: true, force: true });
  if (data) await rm(data, { recursive: true, force: true });
}
