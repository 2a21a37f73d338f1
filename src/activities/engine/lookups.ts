/** Many reads under one write, one after the other: what was read before one goes wrong is kept. */
import { CxoneError, CxoneRefused, CxoneUnreadable } from '../../cxone/errors.ts';
import type { PendingRecord, Write } from './definition.ts';

/** An answer about one record that nobody can read is asked for so often; then the record goes without. */
export const MOST_TRIES = 3;

/** What goes with a derived write of look-ups: how often its first record was asked for in vain. */
export interface LookUpRefs {
  readonly tries?: number;
}

export interface LookedUp<V> {
  readonly verdicts: ReadonlyMap<number, V>;
  /** Not asked for yet; with these refs it goes on. */
  readonly rest: readonly number[];
  readonly refs: LookUpRefs;
  readonly interruptedBy?: CxoneError;
}

export interface LookUpsOptions<V> {
  /** Without a request, or undefined: it has to be asked for. */
  readonly known: (record: PendingRecord) => V | undefined;
  /** One request. */
  readonly ask: (record: PendingRecord) => Promise<V>;
  /** The answer was unreadable too often. */
  readonly giveUp: (record: PendingRecord) => V;
}

/** CXone does not take this very question (400, 422), which says nothing of the next one. */
export function isRefusedQuestion(error: unknown): boolean {
  return error instanceof CxoneRefused && [400, 422].includes(error.status ?? 0);
}

/**
 * What needs no request comes first: nobody's objection waits for a look-up of somebody else that fails. Rejects only
 * where nothing was found out at all, and with what CXone or the lease said.
 */
export async function lookUpEach<V>(write: Write, options: LookUpsOptions<V>): Promise<LookedUp<V>> {
  const verdicts = new Map<number, V>();
  for (const record of write.records) {
    const known = options.known(record);
    if (known !== undefined) verdicts.set(record.seq, known);
  }
  let failure: CxoneError | undefined;
  let tries = (write.refs as LookUpRefs | null)?.tries ?? 0;
  for (const record of write.records.filter(({ seq }) => !verdicts.has(seq))) {
    if (!(await write.nextRequest())) break;
    try {
      write.beforeSend();
      verdicts.set(record.seq, await options.ask(record));
      tries = 0;
    } catch (error) {
      if (!(error instanceof CxoneError)) throw error;
      if (error instanceof CxoneUnreadable) tries += 1;
      else if (verdicts.size === 0) throw error;
      if (tries >= MOST_TRIES) {
        verdicts.set(record.seq, options.giveUp(record));
        tries = 0;
        continue;
      }
      failure = error;
      break;
    }
  }
  const rest = write.records.map(({ seq }) => seq).filter((seq) => !verdicts.has(seq));
  return { verdicts, rest, refs: tries > 0 ? { tries } : {}, ...(failure && { interruptedBy: failure }) };
}
