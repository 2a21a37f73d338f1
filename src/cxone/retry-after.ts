/**
 * `Retry-After` (RFC 9110 §10.2.3): seconds, or an HTTP date in one of its three forms. Pure.
 * Date.parse alone is not enough: V8 accepts `5.5` and `-5` as dates, and reads the asctime form as local time.
 */
const SECONDS = /^\d{1,9}$/;
const IMF_OR_RFC_850 = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * Milliseconds to wait at least, finite and not negative. null: the header is missing or unreadable, so back off.
 * A date is compared with the server's own `Date` header if there is one, so that a clock skew does not matter.
 */
export function retryAfterMs(header: unknown, serverDate: unknown, nowMs: number): number | null {
  if (typeof header !== 'string') return null;
  const text = header.trim();
  if (SECONDS.test(text)) return Number(text) * 1000;
  const at = httpDateMs(text);
  return at === null ? null : Math.max(0, at - (httpDateMs(serverDate) ?? nowMs));
}

function httpDateMs(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const text = value.trim();
  if (!IMF_OR_RFC_850.test(text) && !ASCTIME.test(text)) return null;
  const ms = Date.parse(ASCTIME.test(text) ? `${text} GMT` : text);
  return Number.isNaN(ms) ? null : ms;
}
