/** What every command gets: where it writes, what its environment says, how it reaches the rest of cxflow. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import pc from 'picocolors';
import { askOnTerminal } from './terminal/prompt.ts';
import { openSession, type Session } from './session.ts';

export type Env = Readonly<Record<string, string | undefined>>;
export type Colors = ReturnType<typeof pc.createColors>;

export interface Terminal extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Cli {
  readonly env: Env;
  readonly cwd: string;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  /** The folder of the embedded stack's data and addresses. */
  readonly stackDir: string;
  /** How the reader calls us: `cxflow`, or `npx cxflow` in a clone. */
  readonly command: string;
  /** On a terminal only: a question, and what was typed; null: nothing was. */
  readonly ask?: (question: string, signal: AbortSignal) => Promise<string | null>;
  /** The default of `--by` and `--requested-by`. */
  readonly login: string;
  /** Errors: ConfigError, MissingAddress. Nothing is connected before it is needed. */
  openSession(): Session;
}

export function createCli(env: Env): Cli {
  const cli = {
    env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    stackDir: join(process.cwd(), '.cxflow'),
    command: env.npm_command ? 'npx cxflow' : 'cxflow',
    login: loginOf(env),
    ...(isTerminal() && { ask: onTerminal }),
  };
  return { ...cli, openSession: () => openSession(cli) };
}

/** For people: on stdout, and on stderr where stdout belongs to the one JSON document. */
export interface Output {
  readonly stream: Terminal;
  readonly colors: Colors;
  /** Lines for people; adds the last line's end. */
  readonly say: (text: string) => void;
}

export function outputOf(cli: Pick<Cli, 'stdout' | 'stderr' | 'env'>, json = false): Output {
  const stream = json ? cli.stderr : cli.stdout;
  return { stream, colors: colorsFor(stream, cli.env), say: (text) => void stream.write(`${text}\n`) };
}

/** The one document of `--json`. */
export function writeJson(cli: Pick<Cli, 'stdout'>, document: unknown): void {
  cli.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

export function colorsFor(stream: Terminal, env: Env): Colors {
  const wanted = env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : stream.isTTY === true && env.TERM !== 'dumb';
  return pc.createColors(wanted && !env.NO_COLOR);
}

const isTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY;

function onTerminal(question: string, signal: AbortSignal): Promise<string | null> {
  return askOnTerminal(question, process.stdin, process.stdout, signal);
}

/** A container may run under a number that has no name. */
function loginOf(env: Env): string {
  try {
    return userInfo().username;
  } catch {
    return env.USER ?? env.LOGNAME ?? 'unknown';
  }
}

/** Runs `use` with a session and closes it, whatever happens. */
export async function withSession<T>(cli: Cli, use: (session: Session) => Promise<T>): Promise<T> {
  const session = cli.openSession();
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}
