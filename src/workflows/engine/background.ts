/** Work beside the steps of a run, such as the delivery of its events. It never fails the run. */
import { CancellationScope, isCancellation, log } from '@temporalio/workflow';

export interface Background {
  /** Resolves when it has ended or was stopped. Never rejects. */
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

/** @param ifFailed what it means that the work has failed, for the log */
export function startBackground(work: () => Promise<void>, ifFailed: string): Background {
  const scope = new CancellationScope();
  let isStopped = false;
  const ended = scope.run(work).catch((error: unknown) => {
    // An activity that is cancelled while it waits to be tried again ends with its last failure.
    if (!isStopped && !isCancellation(error)) log.error(ifFailed, { error: String(error) });
  });
  const stop = () => {
    isStopped = true;
    scope.cancel();
  };
  return { ended, stop };
}

/** Work of an operation that goes on beside its steps, and in the next history if the run continues as new. */
export class Companion {
  readonly #work: () => Promise<void>;
  readonly #ifFailed: string;
  #running: Background | null = null;

  constructor(work: () => Promise<void>, ifFailed: string) {
    this.#work = work;
    this.#ifFailed = ifFailed;
  }

  start(): void {
    this.#running ??= startBackground(this.#work, this.#ifFailed);
  }

  /** Returns whether it was running. */
  async stop(): Promise<boolean> {
    const running = this.#running;
    this.#running = null;
    running?.stop();
    await running?.ended;
    return running !== null;
  }
}
