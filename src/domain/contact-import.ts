/** The rules of contact records (tutorial S1, cxone-api.md "contactlists"). Pure. */
import type { Reason } from './run.ts';

/** The most records of one request. Source: cxone-api.md, contactlists. */
export const CONTACTS_PER_BATCH = 100;

export interface PhoneNumber {
  readonly type: string;
  /** E.164, e.g. +14155550100 */
  readonly number: string;
}

export interface Contact {
  readonly contactId: string;
  /** At least one. */
  readonly phoneNumbers: readonly PhoneNumber[];
  readonly customFields: Readonly<Record<string, string>>;
  /** ISO 8601, UTC, ending in Z. */
  readonly consentTimestamp: string;
  readonly optInStatus: 'confirmed' | 'pending';
}

export type ReadContact = { readonly contact: Contact } | { readonly reasons: readonly Reason[] };
