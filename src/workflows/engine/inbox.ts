/** The messages that a run has received and not processed yet, in the order in which they arrived. */
import { condition } from '@temporalio/workflow';
import type { Decision } from '../../contract/steering.ts';

/** A message that nobody waits for: a signal. */
export interface WaitingMessage {
  readonly action: string;
  /** Or why the message cannot be read. */
  readonly decision: Decision | string;
}

export interface Message extends WaitingMessage {
  /** Its sender waits for the result. */
  readonly isUpdate: boolean;
  result?: 'accepted' | { readonly refused: string };
}

/** Decides when messages are processed, and processes them. An inbox has one reader. */
export interface Reader {
  /** Until then, all messages wait. */
  takesMessages(): boolean;
  /** Then signals wait. */
  defersSignals(): boolean;
  /** As far as can be told before. */
  isRefused(message: Message): boolean;
  /** Never rejects. */
  process(messages: readonly Message[]): Promise<void>;
}

/** A few messages are carried out one by one; of a flood, those that are refused are recorded together. */
const FLOOD = 10;
const MAX_RECORDED_AT_ONCE = 200;
/** In characters of JSON. Temporal takes 2 MB. */
const MAX_CARRIED = 500_000;

export class Inbox {
  readonly #messages: Message[];
  #isProcessing = false;
  #isHeld = false;

  constructor(carried: readonly WaitingMessage[]) {
    this.#messages = carried.map((message) => ({ ...message, isUpdate: false }));
  }

  put(message: Message): void {
    this.#messages.push(message);
  }

  isIdle(): boolean {
    return this.#messages.length === 0;
  }

  /** Signals wait for the next execution, to which `toCarry` hands them. Updates do not: their senders wait. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
  }

  /** Nothing is being carried out, and what waits can be handed to the next execution. */
  canBeCarried(): boolean {
    return !this.#isProcessing && !this.#mustProcess();
  }

  toCarry(): WaitingMessage[] {
    return this.#messages.map(({ action, decision }) => ({ action, decision }));
  }

  /** Call it once. Never returns. */
  async process(reader: Reader): Promise<never> {
    for (;;) {
      await condition(() => !this.isIdle() && reader.takesMessages() && this.#mayProcess(reader));
      this.#isProcessing = true;
      const messages = this.#nextMessages(reader);
      await reader.process(messages);
      this.#messages.splice(0, messages.length);
      this.#isProcessing = false;
    }
  }

  #mayProcess(reader: Reader): boolean {
    return (!this.#isHeld && !reader.defersSignals()) || this.#mustProcess();
  }

  /** Although the signals are held. */
  #mustProcess(): boolean {
    if (this.#messages.some(({ isUpdate }) => isUpdate)) return true;
    return !this.isIdle() && JSON.stringify(this.toCarry()).length > MAX_CARRIED;
  }

  /** The first message; in a flood, as many as are refused. */
  #nextMessages(reader: Reader): readonly Message[] {
    if (this.#messages.length <= FLOOD) return this.#messages.slice(0, 1);
    const candidates = this.#messages.slice(0, MAX_RECORDED_AT_ONCE);
    const accepted = candidates.findIndex((message) => !reader.isRefused(message));
    return accepted < 0 ? candidates : candidates.slice(0, Math.max(1, accepted));
  }
}
