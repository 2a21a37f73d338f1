/** The port to the writes. Their state table is in ARCHITECTURE.md#a-write. */
import type { Outcome, Reason } from '../../domain/run.ts';
import type { NewAuditEntry } from '../audit/entries.sql.ts';
import type { RunRef } from '../fence.ts';
import type { WriteState } from '../schema.ts';
import type { Claim, Claimed } from './claims.ts';
import type { Settlement } from './settlements.ts';

/** A fence is current while the write is `sending` under it. */
export interface Writes {
  /**
   * Divides the pending records of a run into writes of `size` records, in the order of the source or by rank; fewer where the
   * records of a write exceed `batchBytes`. A repetition changes nothing. Returns the number of batches. Errors: Superseded.
   */
  plan(run: RunRef, kind: string, size: number, options?: PlanOptions): Promise<number>;

  /**
   * Deletes the writes of a run and the hash of its plan, so that it can be planned again: until then the run has no plan that
   * anybody has approved. False: one of the writes was claimed before, and nothing changed. A repetition changes nothing. Errors:
   * Superseded.
   */
  unplan(run: RunRef): Promise<boolean>;

  /** Writes that still have to be sent (`planned`, `sending`, `unanswered`), by batch and id. Reads only. */
  listOpen(runNo: number, fromBatch: number, toBatch: number): Promise<OpenWrite[]>;

  /**
   * `planned`, `unanswered`, or `sending` with an expired lease → `sending`, with a higher fence and a new lease. Committed
   * before it returns; a write whose claim was not committed must not be sent. No two claims of a write are valid at the
   * same time. Once `Runs.steer` has returned, no claim contradicts it. Every other verdict changes nothing (`Claimed`).
   * Errors: the write does not exist, has lost records, or would be sent with another payload than before.
   */
  claim(claim: Claim): Promise<Claimed>;

  /**
   * `sending` → `sending`: a request has left under each of these claims. Skips those whose fence is not current, and those
   * that another transaction is changing.
   */
  markSent(claims: readonly SentClaim[]): Promise<void>;

  /** `sending` → `sending` with a new lease. False: the fence is not current, and nothing changed. */
  renew(id: string, fence: number, leaseMs: number): Promise<boolean>;

  /**
   * `sending` → `settled` or `in_doubt`, with outcomes, derived writes (`planned`), audit entry and event, in one
   * transaction that is committed before it returns. False: the fence is not current, or this claim was settled before. The
   * answer is then kept as a late answer, and nothing else changes. Errors: the settlement does not account for each record
   * exactly once.
   */
  settle(settlement: Settlement): Promise<boolean>;

  /**
   * `sending` → `planned`, or `unanswered` if an earlier answer was lost: CXone certainly did not apply this attempt.
   * `failure`: how the attempt failed, if a request left; equal ones in a row are counted. Does nothing when the fence is
   * not current.
   */
  release(id: string, fence: number, failure?: string | null): Promise<void>;

  /**
   * `sending` → `unanswered`, one more lost answer: CXone may have applied this attempt. Equal failures in a row are
   * counted. Does nothing when the fence is not current.
   */
  markUnanswered(id: string, fence: number, failure: string): Promise<void>;

  /**
   * For a run that stops writing: `unanswered`, `sending` with an expired lease, and `planned` that may have been applied in
   * part (maybe-applied.sql.ts) → `in_doubt`, with this reason for all their records. A repetition changes nothing. Errors:
   * Superseded.
   */
  markInDoubt(run: RunRef, reason: Reason): Promise<void>;

  /** How long until the last lease of the run has expired; 0: none is valid. Reads only. */
  remainingLeaseMs(runNo: number): Promise<number>;

  /**
   * How many claims of its writes the ledger knows, and of some of its batches; default: of none. None of the numbers falls
   * while the run goes on. Reads only.
   */
  countClaims(runNo: number, batches?: BatchRange): Promise<Claims>;

  /**
   * For a run whose ledger was restored from a backup: `planned`, `unanswered` and `sending`, whatever the lease, up to a batch
   * → `in_doubt`, or → `unanswered` with one more lost answer. In the same transaction nothing more is claimed until the run is
   * reopened, and an audit entry is added. A repetition changes no write that was changed before. Returns how many it changed;
   * null: the run was started again meanwhile, and nothing was changed.
   */
  markPossiblySent(run: StartedRun, sent: PossiblySent): Promise<number | null>;

  /** All that had this record, as it was handed from one to the next, in the order of their ids. Reads only. */
  listOfRecord(runNo: number, seq: number): Promise<WriteOfRecord[]>;

  /** By batch, first those that nobody has decided to resend yet. Reads only. */
  listInDoubt(runNo: number, query?: InDoubtQuery): Promise<WriteInDoubt[]>;

  /**
   * What an operator or the policy decides about writes in doubt: `resend` → `planned`, its records pending again, for one
   * more attempt; `leave` → `left`, its records in doubt for good. A write whose late answer accounts for all its records
   * → `settled` by that answer, whatever the decision. A repetition changes nothing. Returns how many were resolved. Errors:
   * Superseded.
   */
  resolve(resolution: Resolution): Promise<number>;
}

export interface PlanOptions {
  /** Default: `source`. `rank`: as `Records.listRankedCandidates`. */
  readonly order?: 'source' | 'rank';
  /** Default: 4,000,000. */
  readonly batchBytes?: number;
}

export interface SentClaim {
  /** The write. */
  readonly id: string;
  readonly fence: number;
}

export interface OpenWrite {
  readonly id: string;
  readonly batch: number;
  readonly kind: string;
  readonly state: WriteState;
  /** In the order of the plan. */
  readonly seqs: readonly number[];
  /** The lowest line that the source has one of its records in. */
  readonly firstLine: number;
  /** What its kind needs besides the records. */
  readonly refs: unknown;
  readonly lostAnswers: number;
  /** How its last attempt failed; null: none did. */
  readonly failure: string | null;
  /** How many of its last attempts failed in this way. */
  readonly failures: number;
  /** ISO 8601: when the first of these failed; of a part of a divided write, when that one's did. */
  readonly failingSince: string | null;
  /**
   * CXone has answered other writes of the run and kind since then, or it has been tried in vain for longer than most outages
   * last (LONGEST_OUTAGE_MS), without a pause longer than LONGEST_GAP_MS.
   */
  readonly failsAlone: boolean;
  /** How many times it was claimed. */
  readonly attempts: number;
  /** The time of the last claim. */
  readonly sentAt: Date | null;
  /** ISO 8601: it is not to be tried before, and that moment has not come by the ledger's clock. Otherwise null. */
  readonly notBefore: string | null;
}

export interface BatchRange {
  readonly fromBatch: number;
  readonly toBatch: number;
}

export interface Claims {
  readonly ofRun: number;
  readonly ofBatches: number;
  /** The time of the last one of the run; null: there is none. */
  readonly lastAt: Date | null;
}

/** One start of a run. */
export interface StartedRun {
  readonly run_no: number;
  readonly opened_at: Date;
}

export interface PossiblySent {
  /** Null: all batches. */
  readonly toBatch: number | null;
  readonly becomes: 'in_doubt' | 'unanswered';
  /** The number of writes is added to its data. */
  readonly audit: Pick<NewAuditEntry, 'data' | 'key' | 'runId'>;
}

export interface WriteOfRecord {
  readonly id: string;
  readonly batch: number;
  readonly kind: string;
  readonly state: WriteState;
  /** How many records it has. */
  readonly records: number;
  readonly attempts: number;
  readonly lostAnswers: number;
  readonly httpStatus: number | null;
  /** CXone's id of the request. */
  readonly requestId: string | null;
  /** The time of the last claim. */
  readonly sentAt: Date | null;
  readonly settledAt: Date | null;
}

export interface InDoubtQuery {
  /** Only this write. Default: all that are in doubt. */
  readonly id?: string;
  /** Default: no limit. */
  readonly limit?: number;
}

export interface WriteInDoubt {
  readonly id: string;
  readonly batch: number;
  /** How many. */
  readonly records: number;
  readonly sentAt: Date | null;
  /** Whether a request is known to have left; otherwise its worker may have died before. */
  readonly knownSent: boolean;
  /** CXone did answer, but after the lease had expired. */
  readonly lateAnswer: LateAnswer | null;
  /** It was resolved with `resend` before, and that answer was lost as well. */
  readonly resent: boolean;
}

/** An answer that arrived after the write had been taken over. It settled nothing. */
export interface LateAnswer {
  readonly httpStatus: number;
  /** ISO 8601. */
  readonly at: string;
  readonly counts: Readonly<Partial<Record<Outcome, number>>>;
}

export interface Resolution {
  readonly runNo: number;
  readonly verdict: 'resend' | 'leave';
  /** null: all writes of the run that are in doubt. */
  readonly id: string | null;
  /** Leave out those that were sent again before. Default false. */
  readonly firstTimeOnly?: boolean;
  /** The name of the event for writes that are left or settled by a late answer. Default: no event. */
  readonly event?: string | null;
  /** The fence of the run, if a step resolves them. */
  readonly fence?: string;
  /** The audit entry of the same transaction; the number of resolved writes is added to its data. */
  readonly audit?: Pick<NewAuditEntry, 'data' | 'key' | 'runId'>;
}
