/**
 * Calls that arrive while a statement is running are combined in the next statement: one round trip and one commit for all
 * of them. Each group has a statement of its own, so one that waits for a lock keeps no other group waiting.
 */
import { isRolledBack } from './errors.ts';

export interface CoalesceOptions<In, Out> {
  /** Only calls with the same key share a statement, and only they wait for each other. */
  readonly groupKey: (input: In) => string;
  /** Handles all inputs in one transaction and returns their outputs in the same order. */
  readonly send: (inputs: readonly In[]) => Promise<readonly Out[]>;
  /** The most inputs of one statement. */
  readonly maxInputs: number;
}

/** No call waits in order to be combined: the first is sent at once, those behind it as soon as it has returned. */
export function coalesce<In, Out>(options: CoalesceOptions<In, Out>): (input: In) => Promise<Out> {
  const groups = new Map<string, Waiting<In, Out>[]>();
  return (input) =>
    new Promise((resolve, reject) => {
      const key = options.groupKey(input);
      const waiting = groups.get(key);
      if (waiting) {
        waiting.push({ input, resolve, reject });
        return;
      }
      const queue = [{ input, resolve, reject }];
      groups.set(key, queue);
      void sendAll(options, queue, () => groups.delete(key));
    });
}

/** The most calls that share a statement: as many as a worker has requests in flight by default. */
const MAX_READERS = 16;

/**
 * Calls for the same thing share a statement that is sent after each of them, so no answer is older than the call it answers.
 */
export function readTogether<Id extends string | number, Out>(
  read: (id: Id) => Promise<Out>,
): (id: Id) => Promise<Out> {
  return coalesce({
    groupKey: String,
    async send(inputs: readonly Id[]) {
      const output = await read(inputs[0] as Id);
      return inputs.map(() => output);
    },
    maxInputs: MAX_READERS,
  });
}

interface Waiting<In, Out> {
  readonly input: In;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
}

async function sendAll<In, Out>(
  options: CoalesceOptions<In, Out>,
  queue: Waiting<In, Out>[],
  onEmpty: () => void,
): Promise<void> {
  // Calls of the same tick are combined as well.
  await Promise.resolve();
  while (queue.length > 0) await sendTogether(options, queue.splice(0, options.maxInputs));
  // In the same tick, so that no call can join a queue that nobody empties any more.
  onEmpty();
}

async function sendTogether<In, Out>(
  options: CoalesceOptions<In, Out>,
  calls: readonly Waiting<In, Out>[],
): Promise<void> {
  try {
    const outputs = await options.send(calls.map(({ input }) => input));
    for (const [i, { resolve }] of calls.entries()) resolve(outputs[i] as Out);
  } catch (error) {
    // A call that is wrong, or that waits for a lock, must not fail the others: after a rollback each is sent alone.
    // After a broken connection none is sent again, because the transaction may have been committed.
    if (calls.length > 1 && isRolledBack(error))
      await Promise.all(calls.map((each) => sendTogether(options, [each])));
    else for (const { reject } of calls) reject(error);
  }
}
