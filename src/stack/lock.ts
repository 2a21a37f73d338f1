/** A lock file that allows one supervisor per folder. It names the process, so that the lock of a dead one can be replaced. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { processIdentity } from './processes.ts';

/** Refers to one process even after its process id has been reused. */
export interface ProcessRef {
  readonly pid: number;
  readonly identity: string | null;
}

export interface Lock {
  release(): void;
}

export function processRef(pid: number): ProcessRef {
  return { pid, identity: processIdentity(pid) };
}

/** Whether this process, and not a later one with the same id, is alive. */
export function isRunning(holder: ProcessRef): boolean {
  return holder.identity !== null && processIdentity(holder.pid) === holder.identity;
}

/** Errors: a living process holds the lock. */
export function takeLock(file: string): Lock {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, JSON.stringify(processRef(process.pid)), { mode: 0o600 });
  try {
    while (!tryLink(draft, file)) removeStale(file);
  } finally {
    rmSync(draft, { force: true });
  }
  return { release: () => rmSync(file, { force: true }) };
}

/** Creating a hard link is atomic: the file appears with its content, or the call fails because the name exists. */
function tryLink(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function removeStale(file: string): void {
  const holder = readRef(file);
  if (holder && isRunning(holder)) {
    throw new Error(`cxflow dev is already running for this folder (process ${holder.pid}, ${file})`);
  }
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  // Another process may have taken the lock between the check and the rename: give it back.
  const taken = readRef(aside);
  if (taken && isRunning(taken)) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function readRef(file: string): ProcessRef | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessRef;
  } catch {
    return null;
  }
}
