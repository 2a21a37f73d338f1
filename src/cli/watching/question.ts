/** What a run waits for a person to decide, and the prompt that is open about it. */
import { WAITS_FOR_PERSON } from '../../domain/run.ts';
import type { Run } from '../../ledger/runs/runs.ts';

export type OnWaiting = (run: Run, closed: AbortSignal) => Promise<void>;

export function waitsForPerson(run: Pick<Run, 'phase'>): boolean {
  return WAITS_FOR_PERSON.includes(run.phase);
}

/** Calls `onWaiting` once for everything that the run waits for, and aborts its signal when that is settled. */
export class Question {
  readonly #onWaiting: OnWaiting | undefined;
  #asked = '';
  #open: { readonly closed: AbortController; readonly done: Promise<void> } | null = null;
  #failed: { readonly error: unknown } | null = null;

  constructor(onWaiting: OnWaiting | undefined) {
    this.#onWaiting = onWaiting;
  }

  isOpen(): boolean {
    return this.#open !== null;
  }

  /** Resolves when `onWaiting` has returned. */
  async close(): Promise<void> {
    this.#open?.closed.abort();
    await this.#open?.done;
  }

  /** Closes the question if the run no longer waits for it. Throws what `onWaiting` threw; it is then asked again. */
  async closeUnlessAsked(run: Run): Promise<void> {
    if (toQuestion(run) !== this.#asked) await this.close();
    if (!this.#failed) return;
    const { error } = this.#failed;
    this.#failed = null;
    this.#asked = '';
    throw error;
  }

  open(run: Run): void {
    const question = toQuestion(run);
    if (question === this.#asked) return;
    this.#asked = question;
    if (question === '' || !this.#onWaiting) return;
    const closed = new AbortController();
    const done = this.#onWaiting(run, closed.signal)
      .catch((error: unknown) => void (this.#failed = { error }))
      .finally(() => (this.#open = null));
    this.#open = { closed, done };
  }
}

/** Empty if the run waits for nobody. A changed conflict or another plan is another question. */
function toQuestion(run: Run): string {
  return waitsForPerson(run) ? `${run.phase}|${run.waiting_for ?? ''}` : '';
}
