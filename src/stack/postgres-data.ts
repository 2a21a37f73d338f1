/** The folder with the embedded PostgreSQL's data, password and port, and how it is created. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { chown, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { stopLeftover } from './postgres-lock.ts';
import { canReach, type SystemUser } from './postgres-user.ts';

export const SUPERUSER = 'cxflow';

/**
 * Returns the folder for `data/`, `password` and `port`: `<dir>/postgres`, or, if PostgreSQL's user cannot reach `dir`, a
 * folder under /var/tmp with a symbolic link to it (docs/adr/0001-embedded-postgresql.md#where-the-binaries-and-the-data-live).
 */
export async function prepareServerFolder(dir: string, user: SystemUser | null): Promise<string> {
  await mkdir(dir, { recursive: true });
  const path = join(realpathSync(dir), 'postgres');
  if (isLink(path) && isOwnedBy(realpathOrNull(path), path)) return realpathSync(path);
  if (user && !canReach(realpathSync(dir), user)) return createOutside(path);
  await rm(path, { force: true }).catch(() => undefined);
  await mkdir(path, { recursive: true, mode: 0o755 });
  return path;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function realpathOrNull(path: string): string | null {
  return existsSync(path) ? realpathSync(path) : null;
}

/** A copied project folder contains a copy of the link, but only one of the two may use the data. */
function isOwnedBy(folder: string | null, link: string): boolean {
  if (folder === null) return false;
  const owner = readFileSync(join(folder, 'owner'), { encoding: 'utf8', flag: 'a+' });
  return owner === link || !existsSync(owner);
}

async function createOutside(link: string): Promise<string> {
  const folder = `/var/tmp/cxflow-data-${createHash('sha256').update(link).digest('hex').slice(0, 16)}`;
  if (existsSync(folder) && lstatSync(folder).uid !== process.getuid?.()) {
    throw new Error(`${folder} belongs to another user: remove it and start again`);
  }
  await stopLeftover(join(folder, 'data'));
  // If it exists, nothing links to it any more: the project folder or its .cxflow was deleted and created again.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o755 });
  await writeFile(join(folder, 'owner'), link);
  await rm(link, { recursive: true, force: true });
  await symlink(folder, link);
  return folder;
}

/** The superuser's password, created with the data and readable only by its owner. */
export function readPassword(folder: string): string {
  return readFileSync(join(folder, 'password'), 'utf8').trim();
}

/** Creates `data/` if necessary, under a temporary name first, so that a start that was killed can be repeated. */
export async function initialiseData(
  folder: string,
  binaries: PostgresBinaries,
  user: SystemUser | null,
): Promise<string> {
  const data = join(folder, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) return data;
  const draft = join(folder, 'data.new');
  const passwordFile = join(draft, 'password');
  const password = randomBytes(24).toString('base64url');
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, 'data'), { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user)
    for (const path of [draft, join(draft, 'data'), passwordFile]) await chown(path, user.uid, user.gid);
  await runInitdb(binaries.initdb, join(draft, 'data'), passwordFile, user);
  await writeFile(join(folder, 'password'), password, { mode: 0o600 });
  await rename(join(draft, 'data'), data);
  await rm(draft, { recursive: true, force: true });
  return data;
}

async function runInitdb(
  initdb: string,
  data: string,
  passwordFile: string,
  user: SystemUser | null,
): Promise<void> {
  const settings = [
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
    '--no-instructions',
    '--no-sync',
  ];
  const args = [`--pgdata=${data}`, `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`, ...settings];
  try {
    await promisify(execFile)(initdb, args, { cwd: '/', env: postgresEnvironment(), ...(user ?? {}) });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error(`initdb failed: ${(stderr || message).trim()}`, { cause: error });
  }
}

/** Without the caller's PGPORT, PGDATA, LANG and so on, which would change the server's behaviour. */
export function postgresEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}
