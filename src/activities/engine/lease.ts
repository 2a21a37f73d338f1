/** A claim as its holder sees it: how old it is, and whether a request may still leave under it (decisions.md 14). */
import { LEASE_MARGIN_MS } from '../../ledger/writes/claims.ts';

/** The lease ran out before the request left: the process slept, or the token took long. Nothing was sent. */
export class LeaseExpired extends Error {
  override readonly name = 'LeaseExpired';
}

/** On the monotonic and on the wall clock: a machine that was suspended stops only one of them. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export const momentNow = (): Moment => ({ monotonic: performance.now(), wall: Date.now() });

export function createLease(begin: Moment, renew: () => Promise<boolean>) {
  let since = begin;
  let requests = 0;
  const ageMs = () => Math.max(performance.now() - since.monotonic, Date.now() - since.wall);
  return {
    check(): void {
      if (ageMs() >= LEASE_MARGIN_MS) throw new LeaseExpired(`the lease is ${Math.round(ageMs())} ms old`);
      requests += 1;
    },
    /** Before the next request of many; without a lease nothing more is sent. */
    async renewIfOld(): Promise<void> {
      if (ageMs() < LEASE_MARGIN_MS / 2) return;
      const renewedAt = momentNow();
      if (!(await renew())) throw new LeaseExpired('another worker has taken it over');
      since = renewedAt;
    },
    sent: () => requests,
  };
}

export type Lease = ReturnType<typeof createLease>;
