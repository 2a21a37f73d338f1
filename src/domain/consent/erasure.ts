/** What an erasure did. Contains no personal data, because it becomes part of Temporal's history and of the audit. */
export interface ErasureResult {
  /** Staged rows that were emptied, and the runs they belong to. */
  readonly records: number;
  readonly runs: readonly string[];
  /** Datasets that named the data subject. They were deleted as a whole. */
  readonly datasets: number;
  /** Entries of the proof of consent that cannot be attributed to anybody any more. */
  readonly proof: number;
  /** Delivered events whose text was removed. */
  readonly events: number;
  /** Channels on which the data subject is suppressed from now on. */
  readonly suppressed: readonly string[];
  /**
   * Runs that still need the rows or a dataset, or are still reading a source that may name the data subject. Erase again
   * after they have ended; a failed run has to be started again first.
   */
  readonly waitingFor: readonly string[];
}
