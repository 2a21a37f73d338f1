/** `.cxflow/stack.json`: the addresses and the processes of this folder's stack. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from '../config/reader.ts';
import { withServers } from './environment.ts';
import { isRunning, type ProcessRef } from './lock.ts';

export interface StackAddresses {
  readonly databaseUrl: string;
  /** host:port */
  readonly temporalAddress: string;
  /** Null if TEMPORAL_ADDRESS names another server. */
  readonly temporalUiUrl: string | null;
  /** Null without a simulator. */
  readonly simulatorUrl: string | null;
}

export const CHILD_NAMES = ['postgres', 'temporal', 'simulator', 'worker'] as const;
export type ChildName = (typeof CHILD_NAMES)[number];

export interface StackFile {
  /** Kept across restarts. */
  readonly ports: Readonly<Record<'temporal' | 'temporalUi' | 'simulator', number>>;
  /** The variables with which commands find the stack; empty once it has been stopped. */
  readonly environment: Readonly<Record<string, string>>;
  readonly addresses: StackAddresses | null;
  readonly supervisor: ProcessRef | null;
  readonly processes: Readonly<Partial<Record<ChildName, ProcessRef>>>;
}

/** Readable only by its owner, because it contains the database's password. */
export function writeStackFile(dir: string, stack: StackFile): void {
  const file = join(dir, 'stack.json');
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${JSON.stringify(stack, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

export function readStackFile(dir: string): StackFile | null {
  try {
    return JSON.parse(readFileSync(join(dir, 'stack.json'), 'utf8')) as StackFile;
  } catch {
    return null;
  }
}

/** The running stack of this folder, or null. A stack whose supervisor was killed counts as long as its servers are alive. */
export function readStack(dir: string): StackFile | null {
  const stack = readStackFile(dir);
  if (!stack?.addresses) return null;
  const servers = [stack.processes.postgres, stack.processes.temporal].filter(
    (holder) => holder !== undefined,
  );
  const lives = (holder: ProcessRef | null) => holder !== null && isRunning(holder);
  return lives(stack.supervisor) || (servers.length > 0 && servers.every(lives)) ? stack : null;
}

/** The variables with which a command finds the stack of this folder; none if it is not running. */
export function stackEnvironment(dir: string): Record<string, string> {
  return { ...readStack(dir)?.environment };
}

/** `env`, completed with the servers of the stack that runs in this folder. */
export function withStack(dir: string, env: Env): Env {
  return withServers(env, stackEnvironment(dir));
}
