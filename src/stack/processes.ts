/** What the stack knows about operating-system processes: is one alive, is it ours, end it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface Background {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** stdout and stderr are appended to it: a pipe would break when the supervisor is killed before its child. */
  readonly logFile: string;
  readonly cwd?: string;
  /** Run as this user; only root may. */
  readonly user?: { readonly uid: number; readonly gid: number } | null;
}

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export interface BackgroundProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
}

/** Starts a process in a group of its own, so that Ctrl-C in the terminal reaches the supervisor only. */
export function startInBackground(options: Background): BackgroundProcess {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  try {
    const child = spawn(options.file, options.args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: options.env,
      ...(options.cwd ? { cwd: options.cwd } : {}),
      ...(options.user ? { uid: options.user.uid, gid: options.user.gid } : {}),
    });
    return { pid: child.pid ?? -1, exited: exitOf(child) };
  } finally {
    closeSync(log);
  }
}

/** What a process said last, for the error that tells of its end. */
export function endOfLog(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n') : '';
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: 127, signal: null }));
  });
}

export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !isZombie(pid);
}

/** A dead child that its parent has not collected yet still answers signal 0. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

/** The command line of a process, or null where there is none: process ids are used again by others. */
export function commandLine(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() || null;
  } catch {
    return process.platform === 'linux' ? null : ps(pid, 'command=');
  }
}

function ps(pid: number, column: string): string | null {
  try {
    return execFileSync('ps', ['-o', column, '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    return null;
  }
}

/**
 * A word that tells this process from any later one with the same id (its start time), or null when it has ended.
 * Process ids are used again, above all after a reboot.
 */
export function identityOf(pid: number): string | null {
  if (!isAlive(pid)) return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): field 22 is the start time; the name in field 2 may hold spaces and brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return process.platform === 'linux' ? null : ps(pid, 'lstart=');
  }
}

/** Is `pid` alive, and does its command line name all of these? Only then may it be ended as ours. */
export function isOurs(pid: number, marks: readonly string[]): boolean {
  const line = isAlive(pid) ? commandLine(pid) : null;
  return line !== null && marks.every((mark) => line.includes(mark));
}

export function signal(pid: number, name: NodeJS.Signals): void {
  if (pid <= 1) return;
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

/** Waits until `pid` is gone; false when it is still there after `timeoutMs`. */
export async function waitForEnd(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

/** Asks a process to end and, after `graceMs`, makes it. */
export async function endProcess(pid: number, polite: NodeJS.Signals, graceMs: number): Promise<void> {
  signal(pid, polite);
  if (await waitForEnd(pid, graceMs)) return;
  signal(pid, 'SIGKILL');
  await waitForEnd(pid, 5_000);
}
