/** Messages that bounced and are sent once more. */

export interface RetryablePage {
  /** Only messages that bounced in one of these classes. */
  readonly bounceClasses: readonly string[];
  /** Only messages up to this attempt. */
  readonly lastAttempt: number;
  /** Only recipients after this one; 0: all. */
  readonly afterSeq: number;
  readonly limit: number;
}

export interface RetryableMessage {
  readonly seq: number;
  readonly attempt: number;
  /** Of each message to the recipient, the oldest first. */
  readonly bounces: readonly string[];
  readonly summary: unknown;
  readonly submittedAt: Date;
}

export interface Retry {
  readonly seq: number;
  /** Of the message that bounced. */
  readonly attempt: number;
  /** ISO 8601: the new write is not to be tried before. */
  readonly notBefore: string;
  /** Of the new write. */
  readonly kind: string;
  /** What that kind needs besides the records, or null. */
  readonly refs: object | null;
}
