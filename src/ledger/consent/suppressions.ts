/**
 * The port to our own suppression list (docs/adr/0016-consent.md#our-own-suppression-list): every opt-out that a preference
 * update has read, the objections of erased people, addresses whose mailbox does not exist, complaints, and what people have
 * added. Every path that reaches people obeys it. It has keyed hashes only, so it never names anybody.
 *
 * An entry is about a contact, an email address or a phone number, and a channel. A hard bounce is an entry of its own, beside
 * an objection of the same address: either can be taken off without the other.
 *
 * An entry suppresses while its date, that of the newest withdrawal or bounce, is newer than what a person has taken off the
 * list, and not older than the newest consent that is known to be in CXone. All of these dates only ever grow, so the order in
 * which they become known does not matter: consents that were settled before the entry was made are found in the proof of
 * consent. A consent that was only read from CXone has no proof, and ends only an entry that exists already. Consents are those of
 * a contact: they end no entry about an address or a number.
 */
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { SuppressionKind, SuppressionTarget } from '../../domain/consent/suppressions.ts';
import type { Executor } from '../database.ts';

export interface Suppressions {
  /**
   * Adds entries about contacts, or moves the withdrawal of known ones forward; an older withdrawal changes nothing. `runNo`:
   * the run that found the objection, or null. Errors: PepperMismatch.
   */
  add(objections: readonly Objection[], runNo: number | null, executor?: Executor): Promise<void>;

  /**
   * Adds entries about email addresses, in the same way: bounces and complaints. A repetition changes nothing, also if a person
   * has taken the entry off the list since: only a newer bounce adds it again. Errors: PepperMismatch.
   */
  addAddresses(
    entries: readonly AddressSuppression[],
    runNo: number | null,
    executor?: Executor,
  ): Promise<void>;

  /**
   * Adds what a person has decided, all of it or none, with an entry in the audit. The chunks may be of any size; an error that
   * they throw is passed on, and then nothing was added. A repetition changes nothing but the audit. Errors: PepperMismatch.
   */
  addEntries(
    chunks: AsyncIterable<readonly NewEntry[]> | Iterable<readonly NewEntry[]>,
    decision: AddDecision,
  ): Promise<AddedEntries>;

  /**
   * These consents are known to be in CXone: they end suppressions with an older withdrawal. A repetition changes nothing.
   * Errors: PepperMismatch.
   */
  recordConsents(consents: readonly Consent[], executor?: Executor): Promise<void>;

  /** True: the list has no entries now. */
  isEmpty(): Promise<boolean>;

  /**
   * The contacts who are suppressed on one of the channels now, by date. An id that is an address or a number also finds entries
   * about that; a hard bounce is none of them. One statement. Errors: PepperMismatch.
   */
  find(
    contactIds: readonly string[],
    channels: readonly Channel[],
    executor?: Executor,
  ): Promise<Suppressed[]>;

  /**
   * The mailboxes (domain/email-address.ts) that must not get an email now, by date: objections and complaints about the address,
   * hard bounces, and objections of contacts whose id is the address. One statement. Errors: PepperMismatch.
   */
  findAddresses(mailboxes: readonly string[], executor?: Executor): Promise<SuppressedAddress[]>;

  /** Those that suppress now, the newest first, at most so many; only those after this position. Reads only. Errors: PepperMismatch. */
  newest(filter: SuppressionFilter, limit: number, after?: ListPosition): Promise<ListedSuppression[]>;

  /** How many `newest` would return without a limit. Reads only. Errors: PepperMismatch. */
  count(filter: SuppressionFilter, after?: ListPosition): Promise<number>;

  /** All that suppress now, in the order of their hashes. Memory stays flat. Reads only. Errors: PepperMismatch. */
  all(filter: SuppressionFilter): AsyncIterable<ListedSuppression>;

  /**
   * A person takes entries off the list, as they were read from it: what has become newer since stays, and so do the objections
   * of erased contacts. They stay in the history, and the audit says who has decided it, and why. Returns those that it has taken
   * off. A repetition changes nothing.
   */
  remove(entries: readonly ListedSuppression[], decision: RemoveDecision): Promise<RemovedSuppression[]>;

  /** What people have taken off, the newest first, at most so many; only below this number. Reads only. Errors: PepperMismatch. */
  removals(filter: SuppressionFilter, limit: number, before?: number): Promise<RemovedSuppression[]>;

  /** How many `removals` would return without a limit. Reads only. Errors: PepperMismatch. */
  countRemovals(filter: SuppressionFilter, before?: number): Promise<number>;
}

export interface Objection {
  readonly contactId: string;
  readonly channel: Channel;
  /** Why the objection is here and not in CXone, e.g. `gdpr_needs_consent_date`. */
  readonly reason: string;
  /** When the data subject withdrew, ISO 8601. */
  readonly since: string;
}

export interface AddressSuppression {
  /** In the form of domain/email-address.ts. */
  readonly mailbox: string;
  readonly channel: 'email';
  /** HARD_BOUNCE, COMPLAINT, or why else. */
  readonly reason: string;
  /** Of a bounce, e.g. `5.1.1`. */
  readonly code?: string | null;
  /** When it bounced, or when the recipient complained, ISO 8601. */
  readonly since: string;
}

export interface NewEntry {
  /** Whom it is about; or, from an export, its keyed hash. */
  readonly target: SuppressionTarget | { readonly kind: SuppressionKind; readonly subject: string };
  readonly channel: Channel;
  readonly reason: string;
  readonly code: string | null;
  /** ISO 8601 */
  readonly since: string;
}

export interface AddDecision {
  readonly by: string;
  /** For the audit. */
  readonly reason?: string;
  /** Called with the number of entries stored so far, once all were read. */
  readonly onProgress?: (stored: number) => void;
}

export interface AddedEntries {
  /** Were not on the list before. */
  readonly added: number;
  /** Were on it with an older date. */
  readonly renewed: number;
  /** Were on it with this date or a newer one. */
  readonly unchanged: number;
  /** Of `renewed` and `unchanged`: do not suppress, because a person has taken this or a newer date off, or of a newer consent. */
  readonly ineffective: number;
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
  readonly reason: string;
  /** The newest withdrawal. */
  readonly since: Date;
}

export interface SuppressedAddress {
  readonly mailbox: string;
  readonly reason: string;
  readonly code: string | null;
  readonly since: Date;
}

export interface SuppressionFilter {
  /** A contact id, an address or a number: entries about it. */
  readonly about?: string;
  readonly channel?: Channel;
  readonly reason?: string;
  /** Not older. */
  readonly since?: Date;
}

/** The position of an entry in the list, which does not depend on whether the entry is still there. */
export interface ListPosition {
  /** Keyed hash. */
  readonly subject: string;
  readonly channel: Channel;
  readonly since: Date;
}

export interface ListedSuppression extends ListPosition {
  readonly kind: SuppressionKind;
  readonly reason: string;
  readonly code: string | null;
  /** The run that has added it; null: a person has, or the run is not known. */
  readonly runId: string | null;
  readonly addedBy: string | null;
}

export interface RemoveDecision {
  readonly by: string;
  readonly reason: string;
}

export interface RemovedSuppression extends ListedSuppression {
  /** As in the audit. */
  readonly removalNo: number;
  readonly removedAt: Date;
  readonly removedBy: string;
  readonly removedBecause: string;
}
