/** One kind of write: its safety properties, its requests, and what its `send` is given and answers. */
import type { CxoneError } from '../../cxone/errors.ts';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { PendingRecord } from '../../ledger/runs/records.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { DerivedWrite, InSettleTransaction, SettledGroup } from '../../ledger/writes/settlements.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { PriorAttempt } from './prior-attempt.ts';

/** The safety properties of one kind of request; they stand next to the request in the table of writes. */
export interface WriteRules {
  /**
   * May it be sent again when its answer was lost? If not, its records are in doubt, and a person or the policy of the run
   * decides.
   */
  readonly repeatable: boolean;
  /**
   * May it be claimed before a request slot is free? Only single requests that are repeatable: a write of many requests
   * would hold its slot for long, and the claims behind it would expire.
   */
  readonly claimAhead: boolean;
  /** How long one request may take; its lease lasts longer by a margin. */
  readonly deadlineMs: number;
  /** Keeps these writes further apart than the rate budget does. */
  readonly spacing?: Spacing;
}

/** All workers of the tenant share it. */
export interface Spacing {
  /** Of what is kept apart: words, in lower case. */
  readonly name: string;
  /** From one claim to the next; 0: the rate budget alone decides. */
  readonly intervalMs: number;
}

export interface WriteDefinition extends WriteRules {
  /** Distinguishes a write that always fails from an outage, and keeps writes that must not be repeated from leaving in one. */
  readonly probe: Probe;
  /**
   * Decides which records may be sent (engine/gate.ts). Null only for writes that let nobody be contacted: lookups, and
   * changes of the preferences themselves.
   */
  readonly gate: ConsentGate | null;
  /**
   * Its parts would be other requests than the one that CXone recognises as a repeat. So once it may have been applied, it is not
   * divided, however often it fails: its records are in doubt. Absent: it may be divided.
   */
  readonly repeatsOnlyWhole?: true;
  /**
   * Called before each claim, while nothing is held that could expire: obtains what the gate has to know, or throws. After a
   * transient error it is called again; meanwhile no slot is held. Also called for a write that then has to wait for its turn. It
   * takes its own permits (RateLimiter.sendWithPermit).
   */
  readonly beforeClaim?: (run: Run, write: OpenWrite, signal: AbortSignal) => Promise<void>;
  /** Sends one write and says what became of its records. The implementation states whether repeating it is safe, and why. */
  readonly send: (attempt: WriteAttempt) => Promise<Answer>;
  /**
   * The answer for a single record whose request always fails. Default: `rejected` if CXone certainly did
   * nothing, and otherwise in doubt.
   */
  readonly giveUp?: (attempt: WriteAttempt, error: CxoneError) => Answer;
}

export interface Probe {
  /** A request that changes nothing and resolves if CXone answers. */
  readonly request: (run: Run) => Promise<void>;
  /** It is a request like those of the write, so its answer alone shows that there is no outage. */
  readonly isConclusive: boolean;
}

/** A record that must not be sent, and its outcome. */
export interface Withheld {
  readonly outcome: Outcome;
  readonly reasons: readonly Reason[];
  readonly evidence?: string;
  /** No attempt of this run can have included it, because the gate has always withheld it: a lost answer is not about it. */
  readonly isNeverSent?: true;
}

export type GateDecision =
  /** By seq. Everybody else may be contacted. */
  | {
      readonly withheld: ReadonlyMap<number, Withheld>;
      /** By seq: nobody in it may be contacted yet, but is to be asked about again at this moment, in ISO 8601. Absent: nobody. */
      readonly notBefore?: ReadonlyMap<number, string>;
    }
  /** Nothing is sent: the write is settled by this answer, for example by a write that looks consent up again. */
  | { readonly instead: Answer };

/** Asked before every attempt at a write, and again before each of its requests except the first. */
export type ConsentGate = (attempt: WriteAttempt) => Promise<GateDecision>;

/** Deadline of batch requests; docs/cxone-contract.md#deadlines-and-limits. */
export const BATCH_DEADLINE_MS = 15_000;

/** One attempt at a write, as its `send` sees it. */
export interface WriteAttempt {
  readonly run: Run;
  readonly writeId: string;
  readonly batch: number;
  readonly kind: string;
  /** In the order of the plan, like `records`: by rank where records are ranked, otherwise that of the source. */
  readonly seqs: readonly number[];
  /** Parsed from `payload` on first access, since most writes need only the text. */
  readonly records: readonly PendingRecord[];
  /** The records as a JSON array: the text that was hashed when the write was claimed, without what the gate withheld. */
  readonly payload: string;
  readonly refs: unknown;
  readonly priorAttempt: PriorAttempt;
  /** How many answers to this very write were lost. */
  readonly lostAnswers: number;
  /** If there were prior attempts: none of them was sent before this moment. */
  readonly sentSince: Date;
  /** With this failure, it always fails, although CXone answers others: it is not repeated. */
  readonly alwaysFails: (error: CxoneError) => boolean;
  /** Must be called right before the first byte of each request that writes; throws when the lease is no longer ours. */
  readonly beforeSend: () => void;
  /** The same for requests that only read. */
  readonly checkLease: () => void;
  /** Whether a request of this attempt has left already, be it a lookup. */
  readonly hasSent: () => boolean;
  /**
   * For writes of many requests, before each of them: takes a permit, renews the lease and asks the gate again. False: stop
   * here, answer with what is done, and derive a write for the rest; if nothing is done, throw GateInterrupted.
   */
  readonly nextRequest: () => Promise<boolean>;
}

/** Every record of the write is in exactly one group or derived write; the ledger refuses anything else. */
export interface Answer {
  readonly groups: readonly SettledGroup[];
  readonly derived: readonly DerivedWrite[];
  readonly httpStatus: number | null;
  readonly requestId: string | null;
  /** For the audit: words and counts, no personal data. */
  readonly details: string;
  /** More facts for the audit, without personal data. Absent: there are none. */
  readonly audit?: Readonly<Record<string, unknown>>;
  /** CXone's id of the answer. Absent: it has none. */
  readonly cxoneId?: string | null;
  /** What CXone says beyond single records, word for word: the engine redacts and bounds it. Absent: nothing. */
  readonly messages?: readonly string[];
  /** Stored in the transaction that settles the write, and only with it. */
  readonly inSettleTransaction?: InSettleTransaction;
  /** CXone has refused the write as a whole, and blames none of its records. */
  readonly refusesAll?: true;
  /** Nothing was written to CXone, so there is no latency of a write to report. */
  readonly readOnly?: true;
  /** Does it emit an event? Default true. */
  readonly emitsEvent?: boolean;
  /** After a lost answer: this one shows that the lost attempt was not applied. Absent: it leaves that open. */
  readonly lostAttemptNotApplied?: true;
  /** Why a write of many requests ended early: what is done is settled, the rest is derived. */
  readonly interruptedBy?: CxoneError;
}
