/**
 * The port to reservations of a campaign's capacity, so that several runs do not exceed it together
 * (docs/adr/0024-list-loads.md#reservations). A reservation is one row of its run. It counts while the run is `running`, and as
 * far as the run may still add records: so it shrinks with every outcome, and is released when the run ends, however it ends. One
 * that is started again after a failure reserves anew. A run that was terminated in Temporal keeps it until it is found to have
 * ended.
 *
 * The order is: `remaining`, then CXone's figures of the campaign, then `reserve`. What another run adds between the first two is
 * counted twice rather than never.
 */
import type { RunRef } from '../fence.ts';

export interface Capacity {
  /**
   * What each other run may still add to the campaign, by its number: at most what it has reserved, and no more than its
   * records that are pending or whose answer was lost; 0 if it has ended. Reads only.
   */
  remaining(runNo: number, campaign: CampaignOfTenant): Promise<ReadonlyMap<number, number>>;

  /**
   * The other runs that may still add something, the one that may add most first. Asked for after CXone was, it shows whether
   * something of `remaining` may be in CXone's figure already: what is not `unsent`. Reads only.
   */
  others(runNo: number, campaign: CampaignOfTenant): Promise<readonly OtherReservation[]>;

  /** How many records of the run CXone may have, although no answer says so. Those in doubt do not count. Reads only. */
  unanswered(runNo: number): Promise<number>;

  /**
   * Reserves room for `planned` records, or makes the run's reservation larger; it never becomes smaller, except with the
   * run's outcomes. Its own records whose answer is not known need no room, because `current` may contain them. `isReserved` is
   * false if current + planned + what others may still add exceeds the maximum: then nothing changes. One transaction for a
   * campaign at a time. A repetition changes nothing. A dry run gets the same answer, and reserves nothing. Errors: Superseded.
   */
  reserve(run: RunRef, request: CapacityRequest): Promise<CapacityAnswer>;
}

export interface CampaignOfTenant {
  readonly tenant: string;
  readonly campaignId: string;
}

export interface CapacityRequest extends CampaignOfTenant {
  /** How many records this run may still add. */
  readonly planned: number;
  /** CXone's figures of the campaign. */
  readonly current: number;
  readonly max: number;
  /** From `remaining`, asked for before CXone was. */
  readonly remainingBefore: ReadonlyMap<number, number>;
}

export interface CapacityAnswer {
  readonly isReserved: boolean;
  /** For `planned`: max − current − what others may still add; negative if that is exceeded already. */
  readonly room: number;
  /** As much if everything of others whose answer is not known is in `current` already. */
  readonly roomAtMost: number;
  /** Runs that may still add something, the one that may add most first. */
  readonly others: readonly OtherReservation[];
}

export interface OtherReservation {
  readonly runId: string;
  readonly remaining: number;
  /** Those among them that CXone does not have: they were not sent, or refused. What is in doubt counts among them. */
  readonly unsent: number;
}
