/** The port to selection updates: what a run asks for, its one write at a time, and what became of it. */
import type { Selectable } from 'kysely';
import type { Outcome, RunState } from '../../domain/run.ts';
import type { Difference } from '../../domain/selection-update/diff.ts';
import type { RunRef } from '../fence.ts';
import type { SelectionUpdatesTable } from '../schema-selections.ts';
import type { CampaignKey } from './campaigns.ts';
import type { ClaimedSelection, ClaimSelection, SelectionSettlement } from './writes.ts';

export interface Selections {
  find(runNo: number): Promise<SelectionUpdate | undefined>;

  /** Errors: the run has not been planned. */
  get(runNo: number): Promise<SelectionUpdate>;

  /**
   * Stores the desired selection with its record and first write, in one transaction. A repetition keeps what is stored, so
   * that a run that continues after a failure is measured from where it began. If the run ended in `conflict` or
   * `rejected`, the record is pending again and gets a new write. Errors: Superseded.
   */
  plan(planned: PlannedSelection): Promise<SelectionUpdate>;

  /**
   * Like `Writes.claim`, in one transaction with the selection that is about to be sent. If it replaces a write that may have
   * been applied with another payload, that write → `settled` without an outcome, and a successor is claimed. Any verdict but
   * `claimed` changes nothing.
   */
  claim(claim: ClaimSelection): Promise<ClaimedSelection>;

  /** Stores the conflicts that are shown to the operator. Errors: Superseded. */
  saveConflicts(run: RunRef, conflicts: unknown): Promise<void>;

  /**
   * The write → `settled`, with outcome (or successor), what CXone has now, audit entry and event, in one transaction. With a
   * fence it must be `sending` under this fence; without one it must be `planned`, `unanswered` or `sending` with an expired
   * lease, with as many attempts as when it was read. False: that does not hold, and nothing changed.
   */
  settle(settlement: SelectionSettlement): Promise<boolean>;

  /** The updates of a campaign, the newest first; only those of runs with a number below `before`. Reads only. */
  history(campaign: CampaignKey, limit: number, before?: number): Promise<CampaignUpdate[]>;

  /** How many `history` would return without a limit. Reads only. */
  countUpdates(campaign: CampaignKey, before: number): Promise<number>;

  /**
   * Over all updates of a campaign, those included that were purged or failed before they were planned (docs/metrics.md).
   * `ending`: a run that is about to end in this state. Reads only.
   */
  metrics(campaignId: string, ending?: EndingRun): Promise<SelectionMetrics>;
}

export type SelectionUpdate = Selectable<SelectionUpdatesTable>;

export interface PlannedSelection extends CampaignKey {
  readonly run: RunRef;
  readonly baseSnapshot: string;
  /** The selection that the desired one is compared with, the desired one, and the differences, as JSON values. */
  readonly base: unknown;
  readonly desired: unknown;
  readonly differences: unknown;
}

export interface CampaignUpdate {
  readonly runNo: number;
  readonly runId: string;
  readonly state: string;
  readonly dryRun: boolean;
  readonly requestedBy: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly outcome: Outcome | 'pending';
  /** What was written; if nothing was written, what was desired. */
  readonly differences: readonly Difference[];
  readonly versionBefore: number | null;
  readonly versionAfter: number | null;
}

export interface EndingRun {
  readonly runNo: number;
  readonly state: RunState;
}

export interface SelectionMetrics {
  /** Of all PATCH requests that were answered, in milliseconds, two decimals; null if there was none. */
  readonly averageLatency: number | null;
  /** `successCount` of `totalOperations`, in percent, two decimals; null of none. */
  readonly successRate: number | null;
  /** The sum of the next two. */
  readonly totalOperations: number;
  /** Updates that have written. */
  readonly successCount: number;
  /** Updates that have not written and failed, or were left in doubt. */
  readonly failureCount: number;
}
