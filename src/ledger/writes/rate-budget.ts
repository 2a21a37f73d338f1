/** The port to the rate budget that all workers of a tenant share (docs/adr/0015-rate-budget.md). */

/**
 * A queue beside the tenant's own, for requests that have to be further apart than all others. No tenant has such a name, because
 * it has a space in it.
 */
export const toQueue = (tenant: string, name: string): string => `${tenant} ${name}`;

export const tenantOf = (tenantOrQueue: string): string => tenantOrQueue.replace(/ .*/, '');

export interface RateBudget {
  /**
   * Reserves the next `permits` requests, `intervalMs` apart, unless the first of them is more than `maxWaitMs` away.
   * Returns how long to wait for the first one, in milliseconds; more than `maxWaitMs`: nothing was reserved. Reserved
   * permits that are not used are lost. A negative `maxWaitMs` reserves nothing and only returns the wait. A queue of its own
   * (`toQueue`) is spaced independently, and never blocked.
   */
  take(tenantOrQueue: string, intervalMs: number, permits: number, maxWaitMs: number): Promise<number>;

  /** For how long a 429 still stops all requests of the tenant; 0: it does not. Reads only. */
  blockedMs(tenant: string): Promise<number>;

  /**
   * After a 429: no write of the tenant is claimed for `ms`. A longer block that is in force stays in force. `reason` is
   * shown to people; without personal data.
   */
  block(tenant: string, ms: number, reason: string): Promise<void>;

  /** Every tenant that has sent requests, by name. Reads only. */
  list(): Promise<readonly TenantBudget[]>;

  /**
   * Ends the block of a tenant and audits it under `limits:<tenant>`. Returns the block; null if none is in force, and then
   * nothing is audited. A later 429 blocks the tenant again.
   */
  lift(tenant: string, decision: LiftDecision): Promise<RateBlock | null>;
}

export interface TenantBudget {
  readonly tenant: string;
  /** When the next request may leave, blocks aside; in the past if nothing is waiting, null if nothing has ever had to. */
  readonly nextFreeAt: Date | null;
  /** By name. */
  readonly queues: readonly { readonly name: string; readonly nextFreeAt: Date }[];
  /** null: none is in force. */
  readonly block: RateBlock | null;
}

/** No request of the tenant leaves. */
export interface RateBlock {
  readonly tenant: string;
  readonly since: Date;
  readonly until: Date;
  /** Which answer of CXone asked for it. */
  readonly reason: string;
}

export interface LiftDecision {
  readonly by: string;
  readonly reason?: string;
}
