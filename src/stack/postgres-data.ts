/** Where the embedded PostgreSQL's data, password and port are kept, and how its folder is made. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { chown, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { endLeftover } from './postgres-lock.ts';
import { canReach, type SystemUser } from './postgres-user.ts';

export const SUPERUSER = 'cxflow';

/**
 * The folder that holds `data/`, `password` and `port`: `<dir>/postgres`, or a link of that name to a folder under
 * /var/tmp where PostgreSQL's user cannot reach `dir` (decisions.md 30).
 */
export async function dataHome(dir: string, user: SystemUser | null): Promise<string> {
  await mkdir(dir, { recursive: true });
  const place = join(realpathSync(dir), 'postgres');
  if (isLink(place) && isOwnedBy(realpathOrNull(place), place)) return realpathSync(place);
  if (!user || canReach(realpathSync(dir), user)) {
    await rm(place, { force: true }).catch(() => undefined);
    await mkdir(place, { recursive: true, mode: 0o755 });
    return place;
  }
  return newHomeElsewhere(place);
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function realpathOrNull(path: string): string | null {
  return existsSync(path) ? realpathSync(path) : null;
}

/** A copied project folder brings a copy of the link along: only one of the two may use the data. */
function isOwnedBy(home: string | null, place: string): boolean {
  if (home === null) return false;
  const owner = readFileSync(join(home, 'owner'), { encoding: 'utf8', flag: 'a+' });
  return owner === place || !existsSync(owner);
}

async function newHomeElsewhere(place: string): Promise<string> {
  const home = `/var/tmp/cxflow-data-${createHash('sha256').update(place).digest('hex').slice(0, 16)}`;
  if (existsSync(home) && lstatSync(home).uid !== process.getuid?.()) {
    throw new Error(`${home} belongs to somebody else: remove it, then start again`);
  }
  await endLeftover(join(home, 'data'));
  // Nothing links to it any more: the project folder, or its .cxflow, was removed and made anew.
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { mode: 0o755 });
  await writeFile(join(home, 'owner'), place);
  await rm(place, { recursive: true, force: true });
  await symlink(home, place);
  return home;
}

/** The superuser's password; made with the data, readable by nobody else. */
export function passwordOf(home: string): string {
  return readFileSync(join(home, 'password'), 'utf8').trim();
}

/** Makes `data/` once. It appears whole or not at all, so that a start which is killed can be repeated. */
export async function initialiseData(
  home: string,
  binaries: PostgresBinaries,
  user: SystemUser | null,
): Promise<string> {
  const data = join(home, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) return data;
  const draft = join(home, 'data.new');
  const passwordFile = join(draft, 'password');
  const password = randomBytes(24).toString('base64url');
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, 'data'), { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user)
    for (const path of [draft, join(draft, 'data'), passwordFile]) await chown(path, user.uid, user.gid);
  await runInitdb(binaries.initdb, join(draft, 'data'), passwordFile, user);
  await writeFile(join(home, 'password'), password, { mode: 0o600 });
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

/** None of the caller's PGPORT, PGDATA, LANG …: they would change what the server does. */
export function postgresEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}
