/** What the list load needs of the worker. */
import type { Cxone } from '../../cxone/cxone.ts';
import type { SourceLimits } from '../../domain/source-limits.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';

export interface ListLoadSettings {
  /** CXFLOW_LIST_ITEMS_PER_BATCH */
  readonly itemsPerBatch: number;
  /** CXFLOW_LIST_INTERVAL_MS */
  readonly intervalMs: number;
  /** CXONE_LISTS_STRICT_UNIQUENESS: does the tenant refuse an item whose key the list already has? */
  readonly strictUniqueness: boolean;
  /** CXFLOW_SUPPRESSIONS_MAX_AGE: an older list of suppressions is read again. */
  readonly suppressionsMaxAgeMs: number;
}

export interface ListLoadDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  readonly rateLimiter: RateLimiter;
  /** Aborted when the worker is shutting down. */
  readonly draining: AbortSignal;
  /** Default: those of the domain. */
  readonly sourceLimits?: SourceLimits;
  readonly listLoad: ListLoadSettings;
}
