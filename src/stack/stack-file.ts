/** `.cxflow/stack.json`: where the stack of this folder listens, and which processes are its own. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Holder, isHolding } from './lock.ts';

export interface StackAddresses {
  readonly databaseUrl: string;
  /** host:port */
  readonly temporalAddress: string;
  /** Null when the server is not ours (TEMPORAL_ADDRESS). */
  readonly temporalUiUrl: string | null;
  /** Null when CXONE_API_URL names CXone, or no simulator was wanted. */
  readonly simulatorUrl: string | null;
}

export const CHILD_NAMES = ['postgres', 'temporal', 'simulator', 'worker'] as const;
export type ChildName = (typeof CHILD_NAMES)[number];

export interface StackFile {
  /** Chosen once, kept over restarts. */
  readonly ports: Readonly<Record<'temporal' | 'temporalUi' | 'simulator', number>>;
  /** What its commands get from it: variable → value. Empty when the stack has been stopped. */
  readonly environment: Readonly<Record<string, string>>;
  readonly addresses: StackAddresses | null;
  readonly supervisor: Holder | null;
  readonly processes: Readonly<Partial<Record<ChildName, Holder>>>;
}

/** Readable by its owner only: it holds the database's password. */
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

/** The stack that runs for this folder, or null. One whose supervisor was killed counts while its servers live. */
export function readStack(dir: string): StackFile | null {
  const stack = readStackFile(dir);
  if (!stack?.addresses) return null;
  const servers = [stack.processes.postgres, stack.processes.temporal].filter(
    (holder) => holder !== undefined,
  );
  const lives = (holder: Holder | null) => holder !== null && isHolding(holder);
  return lives(stack.supervisor) || (servers.length > 0 && servers.every(lives)) ? stack : null;
}

/** The variables by which a command finds the stack of this folder; none when it does not run. */
export function stackEnvironment(dir: string): Record<string, string> {
  return { ...readStack(dir)?.environment };
}

type Env = Readonly<Record<string, string | undefined>>;

/** `env`, with the stack's addresses where it names nothing else. CXone's variables come together, or not at all. */
export function withStack(dir: string, env: Env): Env {
  const isNamed = (name: string) => {
    if (name.startsWith('CXONE_')) return Boolean(env.CXONE_API_URL);
    return Boolean(env[name] || env[`${name}_FILE`]);
  };
  const stack = Object.entries(stackEnvironment(dir)).filter(([name]) => !isNamed(name));
  return { ...env, ...Object.fromEntries(stack) };
}
