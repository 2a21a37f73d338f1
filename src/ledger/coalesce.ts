/**
 * Calls that arrive while a statement is running are combined in the next statement: one round trip and one commit for all
 * of them.
 */
import { isRolledBack } from './errors.ts';

export interface CoalesceOptions<In, Out> {
  /** Only calls with the same key may share a statement. */
  readonly groupKey: (input: In) => string;
  /** Handles all inputs in one transaction and returns their outputs in the same order. */
  readonly send: (inputs: readonly In[]) => Promise<readonly Out[]>;
  /** The most inputs of one statement. */
  readonly maxInputs: number;
}

/** No call waits in order to be combined: the first is sent at once, those behind it as soon as it has returned. */
export function coalesce<In, Out>(options: CoalesceOptions<In, Out>): (input: In) => Promise<Out> {
  const coalescer = new Coalescer(options);
  return (input) => coalescer.call(input);
}

interface Waiting<In, Out> {
  readonly input: In;
  readonly key: string;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
}

class Coalescer<In, Out> {
  readonly #options: CoalesceOptions<In, Out>;
  #queue: Waiting<In, Out>[] = [];
  #isSending = false;

  constructor(options: CoalesceOptions<In, Out>) {
    this.#options = options;
  }

  call(input: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ input, key: this.#options.groupKey(input), resolve, reject });
      if (!this.#isSending) void this.#sendQueue();
    });
  }

  async #sendQueue(): Promise<void> {
    this.#isSending = true;
    // Calls of the same tick are combined, too.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#send(this.#takeGroup());
    this.#isSending = false;
  }

  #takeGroup(): readonly Waiting<In, Out>[] {
    const key = this.#queue[0]?.key;
    const group = this.#queue.filter((each) => each.key === key).slice(0, this.#options.maxInputs);
    this.#queue = this.#queue.filter((each) => !group.includes(each));
    return group;
  }

  async #send(group: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const outputs = await this.#options.send(group.map(({ input }) => input));
      for (const [i, { resolve }] of group.entries()) resolve(outputs[i] as Out);
    } catch (error) {
      // A call that is wrong, or that waits for a lock, must not fail the others: after a rollback each is sent alone.
      // After a broken connection none is sent again, because the transaction may have been committed.
      if (group.length > 1 && isRolledBack(error)) await Promise.all(group.map((each) => this.#send([each])));
      else for (const { reject } of group) reject(error);
    }
  }
}
