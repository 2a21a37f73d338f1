/** What a kind of bulk run brings along; pages.ts and staging.ts do the rest for all of them. */
import type { OperationKind } from '../../contract/operations.ts';
import type { CxoneError } from '../../cxone/errors.ts';
import type { Counts, Outcome, Reason } from '../../domain/run.ts';
import type { InSettleTransaction, DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import type { OutboxEvent } from '../../ledger/outbox/outbox.ts';
import type { Objection } from '../../ledger/consent/suppressions.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { DuplicateRow } from '../../ledger/runs/records.ts';

export interface PendingRecord<R = unknown> {
  readonly seq: number;
  readonly record: R;
}

/**
 * What is known of earlier tries of the same write:
 * `none` none was sent; `whole` one was, and its answer was lost; `parts` some of its records may have been applied.
 */
export type Doubt = 'none' | 'whole' | 'parts';

export interface Write {
  readonly run: Run;
  readonly writeId: string;
  readonly batch: number;
  readonly kind: string;
  /** In the order of the source. */
  readonly seqs: readonly number[];
  /** In the same order. Read from `payload` by the first who looks. */
  readonly records: readonly PendingRecord[];
  /** The records as a JSON array: the very text that was hashed when they were claimed. */
  readonly payload: string;
  readonly refs: unknown;
  readonly doubt: Doubt;
  /** With a doubt: no earlier try left before this moment. */
  readonly sentSince: Date;
  /** Called right before the socket write; throws when the lease is no longer ours. */
  readonly beforeSend: () => void;
  /**
   * For writes of many requests: a turn in the rate budget and a renewed lease for each. False: the page is to
   * stop, so answer with what is done and derive a write of the rest.
   */
  readonly nextRequest: () => Promise<boolean>;
}

/** Every record of the write is in exactly one group or derived write (the ledger refuses anything else). */
export interface Answer {
  readonly groups: readonly SettledGroup[];
  readonly derived: readonly DerivedWrite[];
  readonly httpStatus: number;
  readonly requestId: string | null;
  /** For the audit: words and counts, no personal data. */
  readonly details: string;
  /** What else is remembered, in the transaction of the settle and only with it. */
  readonly inSettleTransaction?: InSettleTransaction;
  /** Nothing was written: no latency of a write to report. */
  readonly readOnly?: true;
  /** Is there something in it to tell of? Default true. */
  readonly emitsEvent?: boolean;
  /** Why a write of many requests ends before its end: what is done is settled, the rest is derived. */
  readonly interruptedBy?: CxoneError;
}

export type ReadRow = (
  | {
      readonly record: unknown;
      readonly key1: string;
      readonly key2: string;
      /** It is right, and not to be sent all the same. */
      readonly settled?: { readonly outcome: Outcome; readonly reasons: readonly Reason[] };
    }
  /** Invalid: every reason. */
  | { readonly reasons: readonly Reason[] }
) & {
  /** That somebody said no, which CXone is not going to hear from this row. */
  readonly objection?: Objection;
};

/** What a run asks CXone before it writes, counted for the plan. */
export interface LookUps {
  readonly requests: number;
  /** Records without a contact id that could be asked for. */
  readonly withoutContactId: number;
}

/** Properties, not methods: they are handed on. */
export interface BulkKind {
  /** Prefix of run ids and first word of the business key. */
  readonly stem: string;
  readonly recordsPerBatch: number;
  /** The kind of the writes that the plan makes. */
  firstWrite(run: Run): string;
  /** Absent or null: it asks nothing. */
  readonly lookUps?: (run: Run) => Promise<LookUps | null>;
  /** What the CRM is told after each batch. */
  readonly event: string;
  /** The options that change what is written: part of what makes two runs the same. */
  options(input: unknown): unknown;
  /** Reads rows by the domain's rules. Throws SourceError when the columns do not do. `map`: field → column. */
  reader(
    run: Run,
    columns: readonly string[] | null,
    map: Readonly<Record<string, string>>,
  ): (fields: Readonly<Record<string, unknown>>) => ReadRow;
  /** Which of the valid records lose against an earlier one. In: ordered by seq. */
  duplicates(
    run: Run,
    candidates: AsyncIterable<{ seq: number; line: number; key1: string; key2: string }>,
  ): AsyncIterable<DuplicateRow>;
  /** One write. Why repeating it is safe is said at each implementation. */
  write(write: Write): Promise<Answer>;
  /** May a write be repeated whose answer was lost? If not, its records are in doubt and a person decides. */
  repeatable(writeKind: string): boolean;
  /**
   * May it be claimed before there is a slot for it? One request, whose repeating is safe: what has many would hold the
   * slots for long, and claims would grow old by waiting. Absent: no.
   */
  readonly claimedAhead?: (writeKind: string) => boolean;
  /** Absent: S1's event, whose metrics add up (crm.ts). Else the body of each; events that list items are not merged. */
  readonly render?: (run: Run, event: OutboxEvent) => Promise<string>;
  /** A run has ended before its end, and said what became of each record: what else is remembered. Repeatable. */
  readonly ended?: (run: Run) => Promise<void>;
  /** What the result has beside that of every bulk run. */
  readonly result?: (run: Run, counts: Counts) => Promise<Readonly<Record<string, unknown>>>;
}

/** All kinds but the selection update, which has one record and an engine of its own. */
export type BulkKindName = Exclude<OperationKind, 'selectionUpdate'>;
export type Kinds = Readonly<Record<BulkKindName, BulkKind>>;
