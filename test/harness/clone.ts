/** What a fresh clone would have: our files in a folder of their own, with links to our packages. */
import { cp, mkdir, readdir, realpath, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listRepositoryFiles, ROOT } from './texts.ts';

/** `copied`: packages that are copied instead of linked. The command `npx cxflow` is missing until `npm run setup`. */
export async function cloneInto(folder: string, copied: readonly string[] = []): Promise<void> {
  for (const parent of new Set(listRepositoryFiles().map(dirname)))
    await mkdir(join(folder, parent), { recursive: true });
  for (const file of listRepositoryFiles()) await cp(join(ROOT, file), join(folder, file));
  const packages = await realpath(join(ROOT, 'node_modules'));
  const links = join(folder, 'node_modules');
  await mkdir(join(links, '.bin'), { recursive: true });
  for (const name of await readdir(packages)) {
    const [from, to] = [join(packages, name), join(links, name)];
    if (copied.includes(name)) await cp(from, to, { recursive: true, verbatimSymlinks: true });
    else if (name !== '.bin') await symlink(from, to);
  }
  for (const name of await readdir(join(packages, '.bin')))
    if (name !== 'cxflow') await symlink(join(packages, '.bin', name), join(links, '.bin', name));
}
