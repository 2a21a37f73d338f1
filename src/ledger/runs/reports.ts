/** The port to what a report shows, aggregated by PostgreSQL: a million records mean ten thousand writes. Reads only. */

export interface Reports {
  /** From the first request to the last settlement. null: nothing was written. */
  writingPeriod(runNo: number): Promise<WritingPeriod | null>;

  /** Buckets of `widthMs` (more than 0), those without a settlement left out. */
  timeline(runNo: number, from: Date, widthMs: number): Promise<Bucket[]>;

  /**
   * The longest times, at least `minMs` each, between two settlements: in order of time. What is common in the run, because it
   * is slow by its rate, is none of them unless a request was repeated after it.
   */
  standstills(runNo: number, minMs: number, limit: number): Promise<Standstill[]>;

  /** By latency, the longest first. */
  slowest(runNo: number, limit: number): Promise<SlowBatch[]>;

  /**
   * The first records that the plan writes, in its order, as they are written; fewer if some were erased. Personal data. Empty
   * before the run is planned and after it was purged.
   */
  samples(runNo: number, limit: number): Promise<unknown[]>;

  countRepeats(runNo: number): Promise<Repeats>;

  /** What happened to the run as a whole, in order: at most `MAX_MILESTONES`, and one more if there are more. */
  milestones(runId: string): Promise<Milestone[]>;

  /** Decisions that were refused, the newest first. */
  refusals(runId: string, limit: number): Promise<Milestone[]>;
}

export const MAX_MILESTONES = 500;

export interface WritingPeriod {
  readonly from: Date;
  readonly to: Date;
}

/** A part of the writing period. Records count where their write was settled. */
export interface Bucket {
  /** From 0. */
  readonly index: number;
  readonly records: number;
  readonly successes: number;
  /** Writes that CXone has answered: what only a lookup or a decision settled was never sent. */
  readonly requests: number;
  /** null: none of its requests was answered. */
  readonly averageMs: number | null;
  readonly p95Ms: number | null;
  /** Claims after the first one: the write had been refused for now (429), or its answer was lost. */
  readonly repeats: number;
}

export interface Standstill {
  readonly from: Date;
  readonly to: Date;
  /** Whether one of the first writes after it had been tried before. */
  readonly isRepeated: boolean;
}

export interface SlowBatch {
  readonly batch: number;
  readonly kind: string;
  readonly records: number;
  readonly latencyMs: number;
  readonly attempts: number;
  readonly httpStatus: number | null;
  readonly settledAt: Date;
  /** CXone's id of the answer, and how long the request took by its account; null if it says neither. */
  readonly cxoneId: string | null;
  readonly cxoneMs: number | null;
}

export interface Repeats {
  readonly repeats: number;
  readonly lostAnswers: number;
}

/** An entry of the audit, sealed or pending. */
export interface Milestone {
  readonly at: Date;
  readonly action: string;
  readonly data: unknown;
}
