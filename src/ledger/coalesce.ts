/** What comes while a statement is under way goes together in the next one: one round trip and one commit for all. */
import { isPassing, isRolledBack } from './database.ts';

export interface CoalesceOptions<In, Out> {
  /** Those with the same key may go together. */
  readonly keyOf: (input: In) => string;
  /** In one transaction; answers in the order of the inputs. */
  readonly send: (inputs: readonly In[]) => Promise<readonly Out[]>;
  /** So many at a time at most. */
  readonly most: number;
}

interface Waiting<In, Out> {
  readonly input: In;
  readonly key: string;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
}

/** Nobody waits for company: the first one leaves at once, and those behind it as soon as it is back. */
export function coalesce<In, Out>({ keyOf, send, most }: CoalesceOptions<In, Out>) {
  let line: Waiting<In, Out>[] = [];
  let underWay = false;

  const takeNext = (): Waiting<In, Out>[] => {
    const key = line[0]?.key;
    const next = line.filter((each) => each.key === key).slice(0, most);
    line = line.filter((each) => !next.includes(each));
    return next;
  };

  const sendAll = async (all: readonly Waiting<In, Out>[]): Promise<void> => {
    try {
      const outputs = await send(all.map(({ input }) => input));
      for (const [i, { resolve }] of all.entries()) resolve(outputs[i] as Out);
    } catch (error) {
      // Nothing of the transaction stands. One that is wrong, or that waits for a lock of somebody's, must not take the
      // others with it: each on its own. A connection that broke is another thing: it may have been committed.
      const isUndone = !isPassing(error) || isRolledBack(error);
      if (all.length > 1 && isUndone) await Promise.all(all.map((each) => sendAll([each])));
      else for (const { reject } of all) reject(error);
    }
  };

  const sendLine = async (): Promise<void> => {
    underWay = true;
    // Those that come in the same moment are company too.
    await Promise.resolve();
    while (line.length > 0) await sendAll(takeNext());
    underWay = false;
  };

  return (input: In): Promise<Out> =>
    new Promise((resolve, reject) => {
      line.push({ input, key: keyOf(input), resolve, reject });
      if (!underWay) void sendLine();
    });
}
