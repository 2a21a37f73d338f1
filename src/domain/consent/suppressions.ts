/** The entries of our own suppression list (docs/consent.md#our-own-suppression-list). Pure. */

/** What an entry is about. */
export const SUPPRESSION_KINDS = ['contact', 'email', 'phone'] as const;
export type SuppressionKind = (typeof SUPPRESSION_KINDS)[number];

/** The mailbox does not exist. This says nothing about what the person wants, so it concerns sending email only. */
export const HARD_BOUNCE = 'hard_bounce';
/** The recipient has reported a message as spam. */
export const COMPLAINT = 'complaint';
/**
 * The objection of somebody who was erased. That of the contact can be taken off by nobody, because nobody can know any more whose
 * it is; that of an address can, because no consent of a contact would end it.
 */
export const ERASED = 'erased';

/** Whom an entry is about. */
export interface SuppressionTarget {
  readonly kind: SuppressionKind;
  /** A contact id as it is written; an address or a number in the spelling in which it is compared. */
  readonly value: string;
}

/** What the keyed hash of an entry about an address or a number is made of. A bounce has one of its own, beside an objection. */
export function toAddressIdentifier({ kind, value }: SuppressionTarget, reason: string): string {
  return `${reason === HARD_BOUNCE && kind === 'email' ? 'bounce' : kind}:${value}`;
}

/** The keyed hash of an entry, as an export has it. */
export interface ExportedKey {
  readonly kind: SuppressionKind;
  /** Of the key that it was hashed with. A hash under another one is about nobody. */
  readonly keyId: string;
  readonly subject: string;
}

const EXPORTED = new RegExp(`^(${SUPPRESSION_KINDS.join('|')})\\.([0-9a-f]{16})\\.([0-9a-f]{64})$`);

/** `email.0123456789abcdef.…` */
export function formatExportedKey({ kind, keyId, subject }: ExportedKey): string {
  return `${kind}.${keyId}.${subject}`;
}

/** null: the text is none. */
export function parseExportedKey(text: string): ExportedKey | null {
  const [, kind, keyId, subject] = EXPORTED.exec(text) ?? [];
  if (kind === undefined || keyId === undefined || subject === undefined) return null;
  return { kind: kind as SuppressionKind, keyId, subject };
}
