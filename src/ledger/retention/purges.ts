/**
 * The port to the purge: deletes what nobody needs any more of runs that ended long ago (rows, outcomes, writes, events,
 * what became of emails, selections, suppression snapshots), and old datasets, campaign snapshots and results of checks. The run
 * itself stays, with its counts and the key under which the same content is not written twice. Never deleted: suppressions, the
 * proof of consent, the audit, results of erasures.
 */

export interface Purges {
  /** What `purge` would delete and keep. Reads only. */
  preview(scope: PurgeScope): Promise<PurgeResult>;

  /**
   * Deletes a few thousand rows per transaction, so that nobody waits for it for long. First a run is marked, so that readers
   * never see half of it; a purge that was killed is completed by the next one. Its audit entries contain counts only.
   */
  purge(request: PurgeRequest): Promise<PurgeResult>;
}

export interface PurgeScope {
  /** Runs that ended, and files, snapshots and results that were stored, before this time. */
  readonly before: Date;
  /** Whether to purge runs with undelivered events as well: these events are given up. */
  readonly withUndelivered: boolean;
}

export interface PurgeRequest extends PurgeScope {
  /** The id of this purge in the audit. */
  readonly purgeId: string;
  readonly requestedBy: string;
  /** Called whenever one of the counts may have grown, with what has been deleted so far. */
  readonly onProgress?: (soFar: PurgeCounts) => void;
}

export interface PurgeCounts {
  readonly runs: number;
  readonly records: number;
  readonly events: number;
  readonly datasets: number;
  readonly snapshots: number;
  /** Rows of files whose eligibility was checked. */
  readonly checkedRows: number;
}

export interface PurgeResult extends PurgeCounts {
  /** Runs that ended before that time and are kept all the same. */
  readonly kept: readonly KeptRun[];
}

export interface KeptRun {
  readonly runId: string;
  readonly why: KeptReason;
}

export type KeptReason = 'unanswered_writes' | 'undelivered_events' | 'being_retried';
