/** Work beside the steps of a run, such as the delivery of its events. */
import { CancellationScope, isCancellation } from '@temporalio/workflow';

export interface Background {
  /** Resolves when it has ended or was stopped. Never rejects. */
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

export function startBackground(
  work: () => Promise<void>,
  onFailed: (error: unknown) => Promise<void> | void,
): Background {
  const scope = new CancellationScope();
  const ended = scope.run(work).catch((error: unknown) => {
    // An activity that is cancelled while it waits to be tried again ends with its last failure.
    if (!scope.consideredCancelled && !isCancellation(error)) return onFailed(error);
  });
  return { ended, stop: () => scope.cancel() };
}

/**
 * Work of an operation that goes on beside its steps, and in the next history if the run continues as new. The run cannot go on
 * without it.
 */
export class Companion {
  readonly #work: () => Promise<void>;
  readonly #onFailed: (error: unknown) => Promise<void>;
  #running: Background | null = null;

  constructor(work: () => Promise<void>, onFailed: (error: unknown) => Promise<void>) {
    this.#work = work;
    this.#onFailed = onFailed;
  }

  start(): void {
    this.#running ??= startBackground(this.#work, this.#onFailed);
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
