/** Messages that bounced and are sent once more. */

export interface RetryablePage {
  /** Classes of bounces, each with the number of the last attempt that may be retried: `{soft: 2, unknown: 1}`. */
  readonly lastAttempts: Readonly<Record<string, number>>;
  /** Only recipients after this one; 0: all. */
  readonly afterSeq: number;
  readonly limit: number;
}

export interface RetryableMessage {
  readonly seq: number;
  readonly attempt: number;
  readonly batch: number;
  readonly bounceClass: string;
  readonly bounceCode: string | null;
  readonly summary: unknown;
  /** Its newest event. */
  readonly lastEventAt: Date | null;
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
