/**
 * The port to the daily limit of emails: how many recipients the writes of all runs may add on one day of the tenant. A write
 * reserves its recipients before its request leaves. The reservation counts until it is known how many CXone has accepted, so
 * recipients in doubt keep counting. It ends with its write: with one that is planned anew, taken back, or purged; with its run, if it
 * never left.
 */
import type { Executor } from '../database.ts';
import type { RunRef } from '../fence.ts';

export interface EmailQuota {
  /**
   * Reserves `n` recipients of the day for a write, in place of what the write had reserved before, on whatever day. Not
   * granted: they exceed the limit together with those of other writes, and nothing changed. One transaction for a tenant and
   * day at a time. A repetition changes nothing.
   */
  reserve(request: QuotaRequest): Promise<QuotaAnswer>;

  /** Recipients of the day that are reserved or accepted. Reads only. */
  used(tenant: string, day: string): Promise<number>;

  /**
   * How many of the write's recipients CXone has accepted, at most as many as it has reserved; 0 frees them: refused, withheld
   * or certainly not sent. A write without a reservation gets none. A repetition changes nothing.
   */
  settle(writeId: string, n: number, executor?: Executor): Promise<void>;

  /**
   * For a run that ends: frees what is reserved for its writes that certainly did not leave. If it is started again, they reserve
   * anew. A repetition changes nothing. Errors: Superseded.
   */
  freeUnsent(run: RunRef): Promise<void>;
}

export interface QuotaRequest {
  readonly tenant: string;
  /** In the time zone of the tenant: `2026-11-29`. */
  readonly day: string;
  /** The most recipients of a day. */
  readonly limit: number;
  readonly writeId: string;
  /** How many recipients. */
  readonly n: number;
}

export interface QuotaAnswer {
  readonly granted: boolean;
  /** How many recipients this write could have at most: limit − those of other writes, and 0 if that is exceeded. */
  readonly room: number;
}
