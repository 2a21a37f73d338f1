/**
 * Starts the product's processes for scenario and fault tests: worker, simulator and commands, from dist with plain Node.
 * A process that a test leaves behind is killed and fails the test. It has five seconds to exit first, because after a signal
 * a process may take that long on a busy machine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, type RunnerTestCase } from 'vitest';
import type { Env } from '../../src/config/reader.ts';
import { commandLine, type Exit, isAlive, signal, waitForExit } from '../../src/stack/processes.ts';
import { guardian } from './guardian.ts';
import { PATIENCE_MS } from './wait.ts';

export interface TestProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  /** Stdout and stderr together, in order of arrival. */
  output(): string;
  /** Resolves with the first match in the output. Rejects if the process exits first or never prints it. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends SIGKILL and waits for the exit. */
  kill(): Promise<Exit>;
  /** Sends SIGTERM and waits for the exit. */
  terminate(): Promise<Exit>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
}

export interface Start {
  /** A file below dist, without the extension: `worker`, `simulator/main`; or `cxflow` for the command. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** Added to a minimal environment without the caller's TEMPORAL_*, CXONE_* and so on. */
  readonly env?: Env;
  readonly cwd?: string;
  /** Written to its stdin, which is then closed. */
  readonly input?: string;
}

export interface Processes {
  start(start: Start): TestProcess;
  /** Starts any other program. */
  run(file: string, args: readonly string[], options?: Omit<Start, 'entry' | 'args'>): TestProcess;
}

const LONGEST_NAME = 120;
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const COMMAND = fileURLToPath(new URL('../../bin/cxflow.js', import.meta.url));

/** To be called at the top level of a test file or of a describe. */
export function useProcesses(): Processes {
  const marker = `cxflow-test-${randomBytes(8).toString('hex')}`;
  const started: TestProcess[] = [];
  const run: Processes['run'] = (file, args, options = {}) => {
    const process = launch(file, args, {
      ...options,
      env: { ...bareEnvironment(), ...options.env, CXFLOW_TEST: marker },
    });
    started.push(process);
    return process;
  };
  const start: Processes['start'] = ({ entry, args = [], ...options }) => {
    const script = entry === 'cxflow' ? COMMAND : `${DIST}${entry}.js`;
    if (!existsSync(script))
      throw new Error(`${script} is missing: is this test in a project that builds dist?`);
    return run(process.execPath, [script, ...args], {
      ...options,
      env: { CXFLOW_FROM: 'dist', ...options.env },
    });
  };
  afterEach(async ({ task }) => {
    appendOutputs(task, started);
    for (let checks = 0; checks < 100 && processesWith(marker).length > 0; checks += 1) await delay(50);
    const left = processesWith(marker).map((pid) => ({ pid, command: commandLine(pid) }));
    for (const { pid } of left) signal(pid, 'SIGKILL');
    await Promise.all(started.splice(0).map((each) => each.kill()));
    expect(
      left.map(({ command }) => command),
      'processes left behind by the test',
    ).toEqual([]);
  });
  return { start, run };
}

const MOST_SHOWN = 12;
const SHOWN_CHARACTERS = 1_500;

/** Why a command failed is in its output, so the report of a failed test ends with what its latest processes printed. */
function appendOutputs({ result }: RunnerTestCase, started: readonly TestProcess[]): void {
  const [error] = result?.errors ?? [];
  if (!error || started.length === 0) return;
  const outputs = started.slice(-MOST_SHOWN).map((each) => {
    const output = each.output();
    const part = output.length > SHOWN_CHARACTERS ? ', at the end' : '';
    return `--- ${each.name} printed${part}:\n${output.slice(-SHOWN_CHARACTERS)}`;
  });
  error.message = [error.message, ...outputs].join('\n');
}

/** Finds grandchildren too, because processes inherit their environment. Linux only; elsewhere only `started` is checked. */
function processesWith(marker: string): readonly number[] {
  if (!existsSync('/proc/self/environ')) return [];
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1);
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(marker) && isAlive(pid);
    } catch {
      return false;
    }
  });
}

export function bareEnvironment(): Env {
  const { PATH, HOME, TMPDIR, XDG_CACHE_HOME } = process.env;
  return { PATH, HOME, TMPDIR, XDG_CACHE_HOME, NO_COLOR: '1' };
}

function launch(file: string, args: readonly string[], options: Omit<Start, 'entry' | 'args'>): TestProcess {
  const child = spawn(file, args, {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: options.env,
    ...(options.cwd ? { cwd: options.cwd } : {}),
  });
  const pid = child.pid ?? -1;
  guardian().watch(pid);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const exited = watchExit(child);
  void exited.then(() => guardian().forget(pid));
  const name = [basename(args[0] ?? file), ...args.slice(1)].join(' ').slice(0, LONGEST_NAME);
  const streams = collectOutput(child);
  // Once it has exited, its pid may belong to another process: a backend of PostgreSQL was killed like that.
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const send = (how: NodeJS.Signals) => {
    if (isRunning()) signal(pid, how);
  };
  const end = async (how: NodeJS.Signals) => {
    send(how);
    if (isRunning() && !(await waitForExit(pid, PATIENCE_MS)))
      throw new Error(`${name} did not exit on ${how}\n${streams.output()}`);
    return exited;
  };
  return {
    name,
    pid,
    exited,
    ...streams,
    waitFor: (pattern) => waitForOutput({ name, child, streams, exited }, pattern),
    kill: () => end('SIGKILL'),
    terminate: () => end('SIGTERM'),
    pause: () => send('SIGSTOP'),
    resume: () => send('SIGCONT'),
  };
}

type Output = Pick<TestProcess, 'stdout' | 'stderr' | 'output'>;

function collectOutput(child: ChildProcess): Output {
  const chunks: { readonly from: 'stdout' | 'stderr'; readonly text: string }[] = [];
  for (const from of ['stdout', 'stderr'] as const) {
    child[from]?.setEncoding('utf8').on('data', (text: string) => chunks.push({ from, text }));
  }
  const join = (wanted: (from: string) => boolean) =>
    chunks
      .filter(({ from }) => wanted(from))
      .map(({ text }) => text)
      .join('');
  return {
    stdout: () => join((from) => from === 'stdout'),
    stderr: () => join((from) => from === 'stderr'),
    output: () => join(() => true),
  };
}

/** `close` rather than `exit`, because by then all of the output has been read. */
function watchExit(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('close', (code, name) => resolve({ code, signal: name }));
    child.once('error', () => resolve({ code: 127, signal: null }));
  });
}

interface Waiting {
  readonly name: string;
  readonly child: ChildProcess;
  readonly streams: Output;
  readonly exited: Promise<Exit>;
}

function waitForOutput(waiting: Waiting, pattern: RegExp): Promise<RegExpExecArray> {
  const { name, child, streams, exited } = waiting;
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      stop();
      reject(new Error(`${name} ${reason} before it printed ${pattern.source}:\n${streams.output()}`));
    };
    const check = () => {
      const found = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(streams.output());
      if (!found) return;
      stop();
      resolve(found);
    };
    const timer = setTimeout(() => fail(`took longer than ${PATIENCE_MS} ms`), PATIENCE_MS);
    const stop = () => {
      clearTimeout(timer);
      child.stdout?.off('data', check);
      child.stderr?.off('data', check);
    };
    child.stdout?.on('data', check);
    child.stderr?.on('data', check);
    void exited.then((exit) => (check(), fail(`exited (${exit.code ?? exit.signal})`)));
    check();
  });
}
