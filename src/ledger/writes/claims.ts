/** Claims: what a write needs before its request may leave. */

/** A lease outlives the longest request by this margin (docs/adr/0014-lost-answers.md#times). */
export const LEASE_MARGIN_MS = 5_000;

export interface Claim {
  readonly runNo: number;
  /** The write. */
  readonly id: string;
  readonly leaseMs: number;
  /** Identifies the worker for people who read the ledger. */
  readonly holder: string;
  /** Whose rate budget the request counts against. */
  readonly tenant: string;
}

/**
 * | verdict | meaning | state of the write |
 * |---|---|---|
 * | `claimed` | it may be sent until the lease ends | `sending` |
 * | `leased` | another claim is valid for up to `waitMs`, or another session has the write locked | unchanged |
 * | `blocked` | a 429 stops all requests of the tenant for `waitMs` | unchanged |
 * | `paused`, `stopped` | the steering of the run; a run that does not exist counts as stopped | unchanged |
 * | `settled` | nothing is left to send: it is settled, in doubt or left | unchanged |
 */
export type Claimed =
  | {
      readonly verdict: 'claimed';
      readonly fence: number;
      /** How many answers of earlier attempts were lost; a lease that has expired counts as a lost answer. */
      readonly lostAnswers: number;
      /** The records as a JSON array, in the order of the write's `seqs`: exactly the text that was hashed. */
      readonly payload: string;
    }
  | { readonly verdict: 'blocked' | 'leased'; readonly waitMs: number }
  | { readonly verdict: 'paused' | 'stopped' | 'settled' };
