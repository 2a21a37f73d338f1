/** Compares our clock with those of other machines. Pure. */
import { formatDuration } from '../terminal/format.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** Leases and waits are measured by the clock of the database, timers by that of Temporal, consents by that of the worker. */
const SKEW_WARNING_MS = 2_000;
const SKEW_PROBLEM_MS = 60_000;

/** A time that another clock reported, and when by our clock we sent the request and received the answer, in ms since 1970. */
export interface ReportedTime {
  readonly theirsMs: number;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
  /** The resolution of the reported time: a second for an HTTP date. Default 0. */
  readonly resolutionMs?: number;
}

/** Positive if their clock is ahead. A difference within the round trip and the resolution counts as zero. */
export function measureSkew({ theirsMs, sentAtMs, receivedAtMs, resolutionMs = 0 }: ReportedTime): number {
  if (theirsMs > receivedAtMs) return theirsMs - receivedAtMs;
  return Math.min(0, theirsMs + resolutionMs - sentAtMs);
}

/** `whose`: `PostgreSQL`, `Temporal`, `CXone`. */
export function examineSkew(whose: string, skewMs: number): Finding {
  const name = `${whose} clock`;
  const amount = Math.abs(skewMs);
  if (amount < SKEW_WARNING_MS) {
    const what = amount === 0 ? 'same as on this machine' : `${formatDuration(amount)} off`;
    return ok(name, what);
  }
  const what = `${formatDuration(amount)} ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`;
  const next =
    'synchronise this machine and the workers by NTP: clocks decide about consent dates, leases and waits';
  return amount < SKEW_PROBLEM_MS ? warning(name, what, next) : problem(name, what, next);
}
