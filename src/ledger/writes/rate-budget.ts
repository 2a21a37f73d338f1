/** The port to the rate budget that all workers of a tenant share (docs/adr/0015-rate-budget.md). */

export interface RateBudget {
  /**
   * Reserves the next `permits` requests, `intervalMs` apart, unless the first of them is more than `maxWaitMs` away.
   * Returns how long to wait for the first one, in milliseconds; more than `maxWaitMs`: nothing was reserved. Reserved
   * permits that are not used are lost.
   */
  take(tenant: string, intervalMs: number, permits: number, maxWaitMs: number): Promise<number>;

  /** For how long a 429 still stops all requests of the tenant; 0: it does not. Reads only. */
  blockedMs(tenant: string): Promise<number>;

  /** After a 429: no write of the tenant is claimed for `ms`. A longer block that is in force stays in force. */
  block(tenant: string, ms: number): Promise<void>;
}
