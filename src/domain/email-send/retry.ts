/** Which bounced messages are sent again, and when (docs/email-send-events.md#retries). Pure. */
import type { BounceClass } from './bounces.ts';

/** Only a message that bounced in one of these classes is ever followed by another one. */
export const RETRIED_CLASSES = ['soft', 'unknown'] as const satisfies readonly BounceClass[];

/**
 * Whether the recipient is sent the message once more: after a soft bounce up to `retries` times, after an unknown one once, and
 * never after a hard or a policy bounce. `retries` bounds all of them together, so 0 means that nothing is sent again.
 * @param bounces the class of each message to this recipient so far, oldest first; only bounced messages are ever followed by another
 */
export function isRetried(bounces: readonly BounceClass[], retries: number): boolean {
  if (bounces.length > retries) return false;
  const last = bounces.at(-1);
  return last === 'soft' || (last === 'unknown' && bounces.indexOf('unknown') === bounces.length - 1);
}

export interface RetryTime {
  /** ISO 8601. When the request was answered. */
  readonly sentAt: string;
  /** ISO 8601; null: unknown. */
  readonly bouncedAt: string | null;
  /** ISO 8601. When we learned of the bounce. */
  readonly learnedAt: string;
  readonly retryAfterMs: number;
}

/**
 * The first moment of the retry: ISO 8601, UTC. It counts from the bounce, as long as the provider's clock places that between the
 * sending and our learning of it; some stamp a bounce before the sending.
 */
export function retryAt({ sentAt, bouncedAt, learnedAt, retryAfterMs }: RetryTime): string {
  const learned = Date.parse(learnedAt);
  const bounced = Math.min(Date.parse(bouncedAt ?? learnedAt), learned);
  return new Date(Math.max(bounced, Math.min(Date.parse(sentAt), learned)) + retryAfterMs).toISOString();
}
