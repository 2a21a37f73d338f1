/**
 * Hashes that show whether an email was changed after sending, without saying what it is. Each message has a hash of its content
 * with a salt of its own, and the audit entry of their write has a hash of those. An erasure drops the salt, after which the hash
 * can no longer be linked to anybody, and the other messages of the write can still be verified.
 */
import { randomBytes } from 'node:crypto';
import { canonicalize, sha256 } from '../hashing.ts';
import type { EmailConsent } from './consents.ts';

const SALT_BYTES = 16;

export interface HashedContent {
  readonly runId: string;
  readonly writeId: string;
  readonly seq: number;
  /** As it was sent: subject, template, sender. */
  readonly envelope: object;
  /** As it was sent, with the contact id. */
  readonly recipient: object;
  readonly consent: EmailConsent | null;
}

/** Of one message of a recipient. */
export interface ContentHash {
  readonly attempt: number;
  readonly writeId: string;
  /** null: the recipient was erased, or the content was not hashed. */
  readonly salt: string | null;
  readonly contentHash: string | null;
  /** Of all messages of the write, in the order of their records. */
  readonly batch: readonly (string | null)[];
}

export const newSalt = (): string => randomBytes(SALT_BYTES).toString('hex');

export function hashContent(salt: string, { consent, ...content }: HashedContent): string {
  const given = consent && {
    ...consent,
    checkedAt: consent.checkedAt.toISOString(),
    consentedAt: consent.consentedAt?.toISOString() ?? null,
  };
  return sha256(canonicalize({ salt, ...content, consent: given }));
}

export const hashBatch = (hashes: readonly (string | null)[]): string => sha256(canonicalize(hashes));
