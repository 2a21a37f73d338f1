/**
 * `Retry-After` (RFC 9110 §10.2.3): seconds, or an HTTP date in one of its three forms. Pure. The only reader of it, for
 * CXone, its token endpoints and subscribers alike.
 * Date.parse alone is not enough: V8 accepts `5.5` and `-5` as dates, and reads the asctime form as local time.
 */
/** Fractions are not allowed, but some servers send them. A number of ten digits is a mistake. */
const SECONDS = /^\d{1,9}(\.\d{1,9})?$/;
const IMF_OR_RFC_850 = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** A quota of a day is the longest that CXone has; a longer wait is a mistake, and would stop a tenant for years. */
export const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * Whole milliseconds to wait at least, from 1 to LONGEST_RETRY_AFTER_MS. null: the header is missing or unreadable, or asks
 * for no wait (0, a date that is not in the future), so the caller's own backoff decides.
 * A date is compared with the server's own `Date` header if there is one, so that a clock skew does not matter.
 */
export function retryAfterMs(header: unknown, serverDate: unknown, nowMs: number): number | null {
  if (typeof header !== 'string') return null;
  const waitMs = askedForMs(header.trim(), serverDate, nowMs);
  return waitMs > 0 ? Math.min(Math.ceil(waitMs), LONGEST_RETRY_AFTER_MS) : null;
}

/** NaN: unreadable. */
function askedForMs(text: string, serverDate: unknown, nowMs: number): number {
  if (SECONDS.test(text)) return Number(text) * 1000;
  return (httpDateMs(text) ?? Number.NaN) - (httpDateMs(serverDate) ?? nowMs);
}

function httpDateMs(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const text = value.trim();
  if (!IMF_OR_RFC_850.test(text) && !ASCTIME.test(text)) return null;
  const ms = Date.parse(ASCTIME.test(text) ? `${text} GMT` : text);
  return Number.isNaN(ms) ? null : ms;
}
