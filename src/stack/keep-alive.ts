/** Keeps one child of the stack running: a child that dies is started again after a short, growing pause. */
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
export async function keepAlive({ name, start, onEvent }: KeepAlive): Promise<KeptAlive> {
  const halt = new AbortController();
  let restarts = 0;
  let current: Running | null = null;
  const begin = async () => {
    current = await start();
    onEvent({ type: 'started', name, pid: current.pid, restarts });
    return current;
  };
  const watch = async (first: Running) => {
    let running: Running | null = first;
    let pauseMs = FIRST_PAUSE_MS;
    while (!halt.signal.aborted) {
      const since = performance.now();
      const exit = await running?.exited;
      current = null;
      if (halt.signal.aborted) return;
      if (running && performance.now() - since > RECOVERED_AFTER_MS) pauseMs = FIRST_PAUSE_MS;
      if (exit) onEvent({ type: 'died', name, exit, retryInMs: pauseMs });
      await pause(pauseMs, halt.signal);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      if (halt.signal.aborted) return;
      restarts += 1;
      running = await begin().catch((error: Error) => {
        onEvent({ type: 'failed', name, message: error.message, retryInMs: pauseMs });
        return null;
      });
    }
  };
  const watching = watch(await begin());
  return {
    stop: async () => {
      halt.abort();
      // A start that is under way ends first: what it has started must be stopped as well.
      await current?.stop();
      await watching;
      await current?.stop();
      onEvent({ type: 'stopped', name });
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
