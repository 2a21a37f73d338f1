/** Operating-system processes: starts, identifies and stops them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Env } from '../config/reader.ts';

export interface Background {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Env;
  /** stdout and stderr are appended to it. A pipe would break if the supervisor were killed before its child. */
  readonly logFile: string;
  readonly cwd?: string;
  /** The user to run as; only root can choose another user. */
  readonly user?: { readonly uid: number; readonly gid: number } | null;
}

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export interface BackgroundProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
}

/** Starts a process in its own process group, so that Ctrl-C in the terminal reaches only the supervisor. */
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
    return { pid: child.pid ?? -1, exited: watchExit(child) };
  } finally {
    closeSync(log);
  }
}

/** The last lines of a log, for error messages. */
export function readLogTail(logFile: string, lines = 5): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').trim().split('\n').slice(-lines).join('\n') : '';
}

function watchExit(child: ChildProcess): Promise<Exit> {
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

/** An exited process that its parent has not reaped yet still accepts signal 0. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

/** The command line of a process, or null if there is no such process. */
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
 * The start time of a process, or null if it has exited. It distinguishes the process from a later one with the same id;
 * process ids are reused, especially after a reboot.
 */
export function processIdentity(pid: number): string | null {
  if (!isAlive(pid)) return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): field 22 is the start time. The name in field 2 may contain spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return process.platform === 'linux' ? null : ps(pid, 'lstart=');
  }
}

/** Whether `pid` is alive and its command line contains all of these parts. */
export function hasCommandLine(pid: number, parts: readonly string[]): boolean {
  const line = isAlive(pid) ? commandLine(pid) : null;
  return line !== null && parts.every((part) => line.includes(part));
}

export function signal(pid: number, name: NodeJS.Signals): void {
  if (pid <= 1) return;
  try {
    process.kill(pid, name);
  } catch {
    // It has already exited.
  }
}

/** Returns false if `pid` is still alive after `timeoutMs`. */
export async function waitForExit(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

/** Sends `name` to a process and, if it has not exited after `graceMs`, SIGKILL. */
export async function stopProcess(pid: number, name: NodeJS.Signals, graceMs: number): Promise<void> {
  signal(pid, name);
  if (await waitForExit(pid, graceMs)) return;
  signal(pid, 'SIGKILL');
  await waitForExit(pid, 5_000);
}
