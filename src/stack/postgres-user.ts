/** PostgreSQL refuses to run as root. Determines the user it runs as instead, and which folders that user can reach. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** Null: run as the current user. For root: `postgres` if that user exists, otherwise `nobody`. No user is created. */
export function postgresUser(): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const entry = users.find((fields) => fields[0] === name);
    if (entry) return { uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  throw new Error(
    'PostgreSQL cannot run as root, and this machine has no user "postgres" or "nobody" to run it as',
  );
}

/** Whether `user` may traverse `folder` and all its parents. */
export function canReach(folder: string, user: SystemUser): boolean {
  const path = resolve(folder);
  const { mode, uid, gid } = statSync(path);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  if ((mode & bit) === 0) return false;
  return path === '/' || canReach(dirname(path), user);
}
