/** Keeps one process of the stack running: restarts it after it exits, with a growing delay. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Exit } from './processes.ts';
import type { ChildName } from './stack-file.ts';

export interface Running {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  stop(): Promise<void>;
}

export type StackEvent =
  | { readonly type: 'started'; readonly name: ChildName; readonly pid: number; readonly restarts: number }
  | { readonly type: 'died'; readonly name: ChildName; readonly exit: Exit }
  | { readonly type: 'failed'; readonly name: ChildName; readonly message: string }
  | { readonly type: 'stopped'; readonly name: ChildName };

export interface KeepAlive {
  readonly name: ChildName;
  /** Starts the process and waits until it is ready. Called again for each restart. */
  readonly start: () => Promise<Running>;
  readonly onEvent: (event: StackEvent) => void;
}

export interface KeptAlive {
  stop(): Promise<void>;
}

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
/** A process that has run this long counts as recovered: its next restart has the first delay again. */
const RECOVERED_AFTER_MS = 30_000;

/** Rejects if the first start fails. */
export async function keepAlive(options: KeepAlive): Promise<KeptAlive> {
  const stopping = new AbortController();
  const child: Child = { restarts: 0, running: null };
  await startChild(options, child);
  const watching = watch(options, child, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await child.running?.stop();
      // A restart may be in progress. Wait for it, because the process that it starts must be stopped too.
      await watching;
      await child.running?.stop();
      options.onEvent({ type: 'stopped', name: options.name });
    },
  };
}

interface Child {
  restarts: number;
  /** Null between an exit and the next start. */
  running: Running | null;
}

async function startChild({ name, start, onEvent }: KeepAlive, child: Child): Promise<void> {
  child.running = await start();
  onEvent({ type: 'started', name, pid: child.running.pid, restarts: child.restarts });
}

async function watch(options: KeepAlive, child: Child, stopping: AbortSignal): Promise<void> {
  const { name, onEvent } = options;
  let delayMs = FIRST_DELAY_MS;
  while (!stopping.aborted) {
    const since = performance.now();
    const exit = await child.running?.exited;
    child.running = null;
    if (stopping.aborted) return;
    if (exit && performance.now() - since > RECOVERED_AFTER_MS) delayMs = FIRST_DELAY_MS;
    if (exit) onEvent({ type: 'died', name, exit });
    await delay(delayMs, undefined, { signal: stopping }).catch(() => undefined);
    if (stopping.aborted) return;
    delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
    child.restarts += 1;
    await startChild(options, child).catch((error: Error) => {
      onEvent({ type: 'failed', name, message: error.message });
    });
  }
}
