/**
 * The port to our own suppression list (docs/adr/0016-consent.md#our-own-suppression-list): every
 * opt-out that a preference update has read, and the objections of erased people. Every path that reaches people obeys it.
 *
 * An entry suppresses while its newest withdrawal is not older than the newest consent that is known to be in CXone. Both
 * dates only ever grow, so for consents that were sent, the order in which they become known does not matter: those that
 * were settled before the entry was made are found in the proof of consent. A consent that was only read from CXone has no
 * proof, and ends only an entry that exists already.
 */
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { Executor } from '../database.ts';

export interface Suppressions {
  /**
   * Adds entries, or moves the withdrawal of known ones forward; an older withdrawal changes nothing. `runNo`: the run that
   * found the objection, or null. Errors: PepperMismatch.
   */
  add(objections: readonly Objection[], runNo: number | null, executor?: Executor): Promise<void>;

  /**
   * These consents are known to be in CXone: they end suppressions with an older withdrawal. A repetition changes nothing.
   * Errors: PepperMismatch.
   */
  recordConsents(consents: readonly Consent[], executor?: Executor): Promise<void>;

  /** True: the list has no entries now. */
  isEmpty(): Promise<boolean>;

  /** The contacts that are suppressed on one of the channels now. Errors: PepperMismatch. */
  find(contactIds: readonly string[], channels: readonly Channel[]): Promise<Suppressed[]>;
}

export interface Objection {
  readonly contactId: string;
  readonly channel: Channel;
  /** Why the objection is here and not in CXone, e.g. `gdpr_needs_consent_date`. */
  readonly reason: string;
  /** When the data subject withdrew, ISO 8601. */
  readonly since: string;
}

export interface Consent {
  readonly contactId: string;
  readonly channel: Channel;
  /** ISO 8601 */
  readonly consentTimestamp: string;
}

export interface Suppressed {
  readonly contactId: string;
  readonly channel: Channel;
  /** The newest withdrawal. */
  readonly since: Date;
}
