/** Our clock beside those of the machines that we work with. Pure. */
import { formatDuration } from '../terminal/format.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** Leases and waits are reckoned by the database's clock, timers by Temporal's, consents by the worker's. */
const SKEW_WARNING_MS = 2_000;
const SKEW_PROBLEM_MS = 60_000;

/** A moment that another clock told, and when by our own clock we asked and had the answer; ms since 1970. */
export interface ToldTime {
  readonly theirsMs: number;
  readonly askedAtMs: number;
  readonly toldAtMs: number;
  /** What the telling may be off by itself: a second for an HTTP date. Default 0. */
  readonly resolutionMs?: number;
}

/** Positive: theirs is ahead. What lies within the round trip and the resolution is no skew that we can know of. */
export function skewOf({ theirsMs, askedAtMs, toldAtMs, resolutionMs = 0 }: ToldTime): number {
  if (theirsMs > toldAtMs) return theirsMs - toldAtMs;
  return Math.min(0, theirsMs + resolutionMs - askedAtMs);
}

/** `whose`: `PostgreSQL`, `Temporal`, `CXone`. */
export function examineSkew(whose: string, skewMs: number): Finding {
  const name = `${whose} clock`;
  const amount = Math.abs(skewMs);
  if (amount < SKEW_WARNING_MS) {
    return ok(name, amount === 0 ? "the same as this machine's" : `${formatDuration(amount)} from ours`);
  }
  const what = `${formatDuration(amount)} ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`;
  const next =
    'set this machine and the workers by NTP: consent dates, leases and waits are judged by clocks';
  return amount < SKEW_PROBLEM_MS ? warning(name, what, next) : problem(name, what, next);
}
