/**
 * The port to the keyed hashes of data subjects. Where a contact id must not be stored, its HMAC stands for it, keyed with
 * the ledger's secret and, if one is set, the pepper. The secret is stored next to the hashes, the pepper (CXFLOW_PEPPER) is
 * not: with the pepper, a copy of the database alone cannot even tell whether a given person is in it.
 */

export interface SubjectKeys {
  /**
   * Binds the ledger to this process's pepper, unless it is bound already. Every worker calls it before it hashes anything. A
   * repetition changes nothing. Errors: PepperMismatch.
   */
  registerPepper(): Promise<void>;

  /** 64 hexadecimal digits, the same for all ways to write an id (domain/contact-id.ts). Errors: PepperMismatch. */
  hash(contactId: string): Promise<string>;

  /**
   * 64 hexadecimal digits for `email:ann@example.com` or `phone:+14155550101`, in the spelling in which they are compared
   * (domain/identifiers.ts); no contact id has the same. Errors: PepperMismatch.
   */
  hashAddress(identifier: string): Promise<string>;

  /**
   * 16 hexadecimal digits, the same for all hashes that can be compared: those of one ledger and its copies, under one pepper.
   * Errors: PepperMismatch.
   */
  keyId(): Promise<string>;

  /**
   * One after the other, IDENTIFIER_BYTES each, of texts that are compared as they are: what identifies a person on CXone's
   * suppression list. Errors: PepperMismatch.
   */
  hashIdentifiers(identifiers: readonly string[]): Promise<Uint8Array>;
}

/** So many identifiers as there are people still have different hashes, and a million take 16 MB. */
export const IDENTIFIER_BYTES = 16;

/** Hashes with another pepper match nothing, so an objection would be overlooked silently. */
export class PepperMismatch extends Error {
  override readonly name = 'PepperMismatch';
  readonly next =
    'set CXFLOW_PEPPER to the value that this ledger was started with, for the worker and the command line alike';
  constructor() {
    super('CXFLOW_PEPPER is not the pepper that this ledger was started with');
  }
}
