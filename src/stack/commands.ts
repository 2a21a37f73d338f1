/** Short-lived commands: finds them on the PATH, and runs them with a time limit and progress reports. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Env } from '../config/reader.ts';

export function findOnPath(name: string, env: Env = process.env): string | null {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isRunnable) ?? null;
}

export function isRunnable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Env;
  readonly cwd?: string;
  /** A command that takes longer is killed, which is an error. */
  readonly timeoutMs: number;
  /** Called every few seconds. */
  readonly onProgress?: (elapsedSeconds: number) => void;
}

const PROGRESS_INTERVAL_MS = 10_000;
const MAX_OUTPUT = 20_000;
const ERROR_LINES = 5;

/** Returns the output. An exit code other than 0 is an error with the last lines of the output. */
export async function runCommand(command: Command): Promise<string> {
  const started = performance.now();
  const child = spawn(command.file, command.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: command.env ?? process.env,
    ...(command.cwd ? { cwd: command.cwd } : {}),
    timeout: command.timeoutMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-MAX_OUTPUT));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const seconds = () => Math.round((performance.now() - started) / 1000);
  const timer = setInterval(() => command.onProgress?.(seconds()), PROGRESS_INTERVAL_MS);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code === 0) return output;
    const reason = code === null ? `was killed after ${seconds()} s` : `exited with code ${code}`;
    throw new Error(`${command.file} ${reason}: ${output.trim().split('\n').slice(-ERROR_LINES).join('\n')}`);
  } finally {
    clearInterval(timer);
  }
}
