/** The port to what CXone says in its answers beyond the outcomes. Reads only. */

export interface Answers {
  /** What it says beyond single records, the most frequent first. */
  messages(runNo: number): Promise<CxoneMessages>;

  /** Answers that have an id of CXone's, the newest first. */
  latest(runNo: number, limit: number): Promise<IdentifiedAnswer[]>;

  summary(runNo: number): Promise<AnswersSummary>;
}

export interface CxoneMessages {
  readonly messages: readonly CxoneMessage[];
  /** How many more there were whose texts are not kept: a run keeps 50, an answer adds 20 at most, an erasure deletes them. */
  readonly notKept: number;
}

export interface CxoneMessage {
  /** Without persons. */
  readonly text: string;
  readonly httpStatus: number | null;
  /** How often it was said, in how many answers, and first about which batch. */
  readonly n: number;
  readonly answers: number;
  readonly firstBatch: number;
}

export interface IdentifiedAnswer {
  readonly cxoneId: string;
  readonly batch: number;
  readonly kind: string;
  readonly records: number;
  readonly httpStatus: number | null;
  readonly settledAt: Date;
}

export interface AnswersSummary {
  /** The mean of the durations that CXone reported, in milliseconds; null if it reported none. */
  readonly averageMs: number | null;
  /** Records whose id in CXone is known. */
  readonly recordIds: number;
}
