/** PostgreSQL's own lock on its data folder, `postmaster.pid`. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCommandLine, stopProcess } from './processes.ts';

/** Stops a server that a killed supervisor has left running on this data, and removes a stale lock file. */
export async function stopLeftover(data: string): Promise<void> {
  const pid = Number(lockFile(data)[0] ?? 0);
  if (pid === 0) return;
  if (hasCommandLine(pid, ['postgres', data])) await stopProcess(pid, 'SIGINT', 10_000);
  // PostgreSQL takes any living process with this id for its predecessor and would refuse to start.
  await rm(join(data, 'postmaster.pid'), { force: true });
}

/** The lines of postmaster.pid: the first is the process id, the eighth the state (LOCK_FILE_LINE_… in miscadmin.h). */
export function lockFile(data: string): readonly string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}
