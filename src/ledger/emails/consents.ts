/** The consent by which somebody is sent a message, as CXone had it when it was looked up. */

export interface EmailConsent {
  /** When it was looked up last before the message. */
  readonly checkedAt: Date;
  /** When it was given; null: CXone has no date, and no rule that applies requires one. */
  readonly consentedAt: Date | null;
  /** Where it was given, as CXone says; null: it does not say. */
  readonly source: string | null;
  readonly region: string;
  /** Version of the rules that permit the message. */
  readonly rules: string;
}

export interface NewEmailConsent extends EmailConsent {
  readonly seq: number;
  /** Which message to the recipient it is about, from 1. */
  readonly attempt: number;
}
