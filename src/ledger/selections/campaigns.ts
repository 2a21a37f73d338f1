/** The port to campaigns: the versions that were read, and a lock for the one run that may write a campaign. */

export interface Campaigns {
  /** Errors: the snapshot does not exist. */
  getSnapshot(id: string): Promise<Snapshot>;

  /** The same version with the same content is stored once; a repetition updates when it was read. */
  saveSnapshot(campaign: CampaignKey, read: CampaignRead): Promise<Snapshot>;

  /** This version, as it was read last. */
  findVersion(campaign: CampaignKey, version: number): Promise<Snapshot | null>;

  /**
   * Locks the campaign for `leaseMs`. 0: it is locked for this run. Otherwise another run has it for at most so many
   * milliseconds, and nothing changed. A later attempt of the same run takes the lock over.
   */
  acquireLock(lock: CampaignLock, leaseMs: number): Promise<number>;

  /** Does nothing when the lock has been taken over. */
  releaseLock(lock: CampaignLock): Promise<void>;
}

export interface CampaignKey {
  readonly tenant: string;
  readonly campaignId: string;
}

export interface CampaignRead {
  readonly version: number;
  readonly document: Readonly<Record<string, unknown>>;
  /** The document's `contactSelection`, with defaults filled in. */
  readonly selection: unknown;
}

export interface Snapshot extends CampaignRead {
  readonly id: string;
  readonly campaignId: string;
  readonly readAt: Date;
}

export interface CampaignLock extends CampaignKey {
  readonly runNo: number;
  /** Identifies the attempt: one that was overtaken by a later attempt of the same run cannot release its lock. */
  readonly token: string;
}
