/** What an erasure did. No personal data: it stands in Temporal's history and in the audit. */
export interface ErasureResult {
  /** Staged rows that were emptied, and the runs they are of. */
  readonly records: number;
  readonly runs: readonly string[];
  /** Files and rows handed over by a client that named the person: deleted as a whole. */
  readonly datasets: number;
  /** Entries of the proof of consent that nobody can attribute any more. */
  readonly proof: number;
  /** Delivered CRM events whose text was removed. */
  readonly events: number;
  /** Channels on which they are suppressed from now on. */
  readonly suppressed: readonly string[];
  /**
   * Runs that still need rows of theirs or the file that they were handed, or that are still reading what may name them:
   * erase again once those have ended. One that failed has to be started again for that.
   */
  readonly waitingFor: readonly string[];
}
