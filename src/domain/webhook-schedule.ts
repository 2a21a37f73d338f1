/** When an event that a subscriber did not accept is sent again, and when it is given up. Pure. */

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];

/**
 * Before the second attempt, the third and so on, in ms. The long delays are those of Standard Webhooks; the short ones are
 * closer together, so that a receiver that restarts is waited for in seconds.
 */
const DELAYS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR),
];

/** How long an event is tried at least: 76 h 54 min. */
export const SCHEDULE_MS = DELAYS_MS.reduce((sum, delay) => sum + delay, 0);

/** So that no event is given up because of one failure, however long it has waited behind another one. */
const MIN_ATTEMPTS = 3;

/** Of a delay. Receivers that were down together are not all called at the same moment. */
const JITTER = 0.2;

export interface FailedAttempt {
  /** How often the event was sent, including this time. */
  readonly attempts: number;
  /** How long events of its run have not been accepted, in ms. */
  readonly failingForMs: number;
  /** What the subscriber asked for; null: nothing. */
  readonly retryAfterMs: number | null;
}

/**
 * The delay before the next attempt, in ms; null: there is none, and the event becomes a dead letter. Time in which the event
 * waited behind another one counts, so that a receiver that is gone costs each event a few attempts rather than days.
 *
 * @param random from 0 to 1
 */
export function delayBeforeNextAttempt(failed: FailedAttempt, random: number): number | null {
  const { attempts, failingForMs, retryAfterMs } = failed;
  if (failingForMs >= SCHEDULE_MS && attempts >= MIN_ATTEMPTS) return null;
  const delay = DELAYS_MS[Math.min(attempts, DELAYS_MS.length) - 1] ?? SECOND;
  return Math.max(Math.ceil(delay * (1 + JITTER * random)), retryAfterMs ?? 0);
}
