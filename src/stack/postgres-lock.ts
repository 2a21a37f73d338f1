/** PostgreSQL's own lock on its data folder, `postmaster.pid`. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { endProcess, isOurs } from './processes.ts';

/** Ends a server that a killed supervisor left on this data, and takes away a lock file that nobody holds. */
export async function endLeftover(data: string): Promise<void> {
  const pid = Number(lockFile(data)[0] ?? 0);
  if (pid === 0) return;
  if (isOurs(pid, ['postgres', data])) await endProcess(pid, 'SIGINT', 10_000);
  // PostgreSQL takes any live process with that id for its predecessor, and would refuse to start for ever.
  await rm(join(data, 'postmaster.pid'), { force: true });
}

/** Lines of postmaster.pid: 1 the pid, 8 the state (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_…). */
export function lockFile(data: string): readonly string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}
