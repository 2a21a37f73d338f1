/** A claim as its holder sees it: how old it is, and whether a request may still leave under it. */
import { LEASE_MARGIN_MS } from '../../ledger/writes/claims.ts';

/** The lease expired before the request left: the process was suspended, or getting a token took long. Nothing was sent. */
export class LeaseExpired extends Error {
  override readonly name = 'LeaseExpired';
}

/** On the monotonic and on the wall clock: suspending a machine stops only one of them. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export const momentNow = (): Moment => ({ monotonic: performance.now(), wall: Date.now() });

export class Lease {
  #since: Moment;
  #requests = 0;
  readonly #renew: () => Promise<boolean>;

  /** `since`: the latest moment at which the lease can have begun. */
  constructor(since: Moment, renew: () => Promise<boolean>) {
    this.#since = since;
    this.#renew = renew;
  }

  /** Right before the first byte of a request. Throws LeaseExpired. */
  check(): void {
    const ageMs = this.#ageMs();
    if (ageMs >= LEASE_MARGIN_MS) throw new LeaseExpired(`the lease is ${Math.round(ageMs)} ms old`);
    this.#requests += 1;
  }

  /** Before a request that may have waited long. Throws LeaseExpired if another worker holds the write by now. */
  async renewIfOld(): Promise<void> {
    if (this.#ageMs() < LEASE_MARGIN_MS / 2) return;
    const renewedAt = momentNow();
    if (!(await this.#renew())) throw new LeaseExpired('another worker has taken over the write');
    this.#since = renewedAt;
  }

  /** How many requests have left under it. */
  get requests(): number {
    return this.#requests;
  }

  #ageMs(): number {
    const { monotonic, wall } = this.#since;
    return Math.max(performance.now() - monotonic, Date.now() - wall);
  }
}
