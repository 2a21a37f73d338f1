/** The stack's own programs, worker and simulator, as background processes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Env } from '../config/reader.ts';
import type { Program } from './entries.ts';
import type { Running } from './keep-alive.ts';
import { connectOnce } from './ports.ts';
import { type Exit, startInBackground, stopProcess } from './processes.ts';

export interface ProgramStart {
  readonly program: Program;
  readonly env: Env;
  readonly logFile: string;
  /** How long it may take to exit after SIGTERM. */
  readonly graceMs: number;
  /** The program is ready once something listens on this port; without a port, as soon as it runs. */
  readonly port?: number;
}

const READY_TIMEOUT_MS = 30_000;

export async function startProgram(start: ProgramStart): Promise<Running> {
  const child = startInBackground({ ...start.program, env: start.env, logFile: start.logFile });
  const stop = async () => {
    await stopProcess(child.pid, 'SIGTERM', start.graceMs);
    await child.exited;
  };
  if (start.port !== undefined && !(await listens(start.port, child.exited))) {
    await stop();
    throw new Error(`nothing listens on port ${start.port}; see ${start.logFile}`);
  }
  return { pid: child.pid, exited: child.exited, stop };
}

async function listens(port: number, exited: Promise<Exit>): Promise<boolean> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  let ended = false;
  void exited.then(() => (ended = true));
  while (!ended && performance.now() < deadline) {
    const found = await connectOnce(port).then(
      () => true,
      () => false,
    );
    if (found) return true;
    await delay(30);
  }
  return false;
}
