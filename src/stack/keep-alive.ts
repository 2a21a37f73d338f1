/** Keeps one child of the stack running: a child that dies is started again after a short, growing pause. */
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
  | { readonly type: 'died'; readonly name: ChildName; readonly exit: Exit; readonly retryInMs: number }
  | {
      readonly type: 'failed';
      readonly name: ChildName;
      readonly message: string;
      readonly retryInMs: number;
    }
  | { readonly type: 'stopped'; readonly name: ChildName };

export interface KeepAlive {
  readonly name: ChildName;
  /** Starts it and waits until it is ready; called again after each death. */
  readonly start: () => Promise<Running>;
  readonly onEvent: (event: StackEvent) => void;
}

export interface KeptAlive {
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** A child that lived so long has recovered: its next death is a first one again. */
const RECOVERED_AFTER_MS = 30_000;

/** Rejects when the first start fails: nothing is there to be kept alive then. */
export async function keepAlive(options: KeepAlive): Promise<KeptAlive> {
  const halt = new AbortController();
  const child: Child = { restarts: 0, running: null };
  await begin(options, child);
  const watching = watch(options, child, halt.signal);
  return {
    stop: async () => {
      halt.abort();
      await child.running?.stop();
      // A start that is under way ends first: what it has started must be stopped as well.
      await watching;
      await child.running?.stop();
      options.onEvent({ type: 'stopped', name: options.name });
    },
  };
}

interface Child {
  restarts: number;
  /** Null between its death and its next start. */
  running: Running | null;
}

async function begin({ name, start, onEvent }: KeepAlive, child: Child): Promise<void> {
  child.running = await start();
  onEvent({ type: 'started', name, pid: child.running.pid, restarts: child.restarts });
}

async function watch(options: KeepAlive, child: Child, halted: AbortSignal): Promise<void> {
  const { name, onEvent } = options;
  let pauseMs = FIRST_PAUSE_MS;
  while (!halted.aborted) {
    const since = performance.now();
    const exit = await child.running?.exited;
    child.running = null;
    if (halted.aborted) return;
    if (exit && performance.now() - since > RECOVERED_AFTER_MS) pauseMs = FIRST_PAUSE_MS;
    if (exit) onEvent({ type: 'died', name, exit, retryInMs: pauseMs });
    await delay(pauseMs, undefined, { signal: halted }).catch(() => undefined);
    if (halted.aborted) return;
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    child.restarts += 1;
    await begin(options, child).catch((error: Error) => {
      onEvent({ type: 'failed', name, message: error.message, retryInMs: pauseMs });
    });
  }
}
