/** Many lookups under one write, one after the other; when one fails, the answers before it are kept. */
import { CxoneError, CxoneRateLimited, CxoneRefused, CxoneUnreadable } from '../../cxone/errors.ts';
import type { PendingRecord } from '../../ledger/runs/records.ts';
import type { WriteAttempt } from './write-definition.ts';

/** An unreadable answer about one record is asked for this often; then the record goes without one. */
export const MAX_TRIES = 3;

/** Stored with a derived write of lookups: how often its first record was looked up in vain. */
export interface LookupRefs {
  readonly tries?: number;
}

export interface LookedUp<V> {
  readonly verdicts: ReadonlyMap<number, V>;
  /** Not looked up yet; the derived write continues with these refs. */
  readonly rest: readonly number[];
  readonly refs: LookupRefs;
  readonly interruptedBy?: CxoneError;
}

export interface LookupOptions<V> {
  /** The answer if it needs no request, otherwise undefined. */
  readonly known: (record: PendingRecord) => V | undefined;
  /** One request. */
  readonly ask: (record: PendingRecord) => Promise<V>;
  /** For a record whose lookup failed too often. */
  readonly giveUp: (record: PendingRecord) => V;
  /** No further lookup begins once they have taken this long; the records behind it are the rest. Default: no limit. */
  readonly limitMs?: number;
  /**
   * The answer for a record that must not wait until CXone can be read, e.g. an objection; undefined: it waits. Such records are
   * looked up first. Once one of these lookups fails, or no further one may be made, all of them get this answer.
   */
  readonly answerIfUnreadable?: (record: PendingRecord) => V | undefined;
}

/** CXone refuses this particular lookup (400, 422), which says nothing about the next one. */
export function isRefusedLookup(error: unknown): boolean {
  return error instanceof CxoneRefused && [400, 422].includes(error.status ?? 0);
}

/**
 * Records that need no request come first, so that no objection waits for a failing lookup of somebody else. Rejects only
 * if nothing at all was learned.
 */
export async function lookUpEach<V>(attempt: WriteAttempt, options: LookupOptions<V>): Promise<LookedUp<V>> {
  const endsAtMs = performance.now() + (options.limitMs ?? Infinity);
  const verdicts = new Map<number, V>();
  for (const record of attempt.records) {
    const known = options.known(record);
    if (known !== undefined) verdicts.set(record.seq, known);
  }
  const urgent = new Map<number, V>();
  for (const record of attempt.records) {
    const verdict = verdicts.has(record.seq) ? undefined : options.answerIfUnreadable?.(record);
    if (verdict !== undefined) urgent.set(record.seq, verdict);
  }
  const answerUrgent = () => {
    for (const [seq, verdict] of urgent) if (!verdicts.has(seq)) verdicts.set(seq, verdict);
  };
  let failure: CxoneError | undefined;
  let tries = (attempt.refs as LookupRefs | null)?.tries ?? 0;
  let isFirst = true;
  for (const record of urgentFirst(attempt.records, urgent)) {
    if (verdicts.has(record.seq)) continue;
    if (!(await attempt.nextRequest()) || performance.now() >= endsAtMs) break;
    try {
      attempt.checkLease();
      verdicts.set(record.seq, await options.ask(record));
      tries = 0;
    } catch (error) {
      if (!(error instanceof CxoneError)) throw error;
      if (urgent.has(record.seq)) {
        answerUrgent();
        if (!(error instanceof CxoneRateLimited)) continue;
      }
      const isHopeless = isFirst && attempt.alwaysFails(error);
      if (error instanceof CxoneUnreadable) tries += 1;
      else if (verdicts.size === 0 && !isHopeless) throw error;
      if (tries >= MAX_TRIES || isHopeless) {
        verdicts.set(record.seq, options.giveUp(record));
        tries = 0;
        continue;
      }
      failure = error;
      break;
    } finally {
      // The failures that were counted are those of the first of them.
      isFirst = false;
    }
  }
  answerUrgent();
  const rest = attempt.records.map(({ seq }) => seq).filter((seq) => !verdicts.has(seq));
  return { verdicts, rest, refs: tries > 0 ? { tries } : {}, ...(failure && { interruptedBy: failure }) };
}

function urgentFirst(
  records: readonly PendingRecord[],
  urgent: ReadonlyMap<number, unknown>,
): PendingRecord[] {
  return records.toSorted((a, b) => Number(urgent.has(b.seq)) - Number(urgent.has(a.seq)));
}
