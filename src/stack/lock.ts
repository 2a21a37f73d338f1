/** One supervisor a folder: a lock file that names its process, and that a dead one's successor takes over. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { identityOf } from './processes.ts';

export interface Holder {
  readonly pid: number;
  readonly identity: string | null;
}

export interface Lock {
  release(): void;
}

export function holderOf(pid: number): Holder {
  return { pid, identity: identityOf(pid) };
}

/** Is it still the very same process? */
export function isHolding(holder: Holder): boolean {
  return holder.identity !== null && identityOf(holder.pid) === holder.identity;
}

/** Errors: somebody alive holds it. */
export function takeLock(file: string): Lock {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, JSON.stringify(holderOf(process.pid)), { mode: 0o600 });
  try {
    while (!tryLink(draft, file)) removeStale(file);
  } finally {
    rmSync(draft, { force: true });
  }
  return { release: () => rmSync(file, { force: true }) };
}

/** A hard link appears with its content or not at all, and fails where the name is taken. */
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
  const holder = readHolder(file);
  if (holder && isHolding(holder)) {
    throw new Error(`cxflow dev runs for this folder already (process ${holder.pid}, ${file})`);
  }
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  // Somebody faster may have taken the lock between our look and our rename: give it back.
  const taken = readHolder(aside);
  if (taken && isHolding(taken)) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function readHolder(file: string): Holder | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return null;
  }
}
