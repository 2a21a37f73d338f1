/** The keyed hashes of data subjects; their secret is in PostgreSQL. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { toComparableId } from '../../domain/contact-id.ts';
import type { Database } from '../database.ts';
import { IDENTIFIER_BYTES, PepperMismatch, type SubjectKeys } from './subject-keys.ts';

export function createSubjectKeys(database: Database, pepper: string | null = null): SubjectKeys {
  const hashes = new KeyedHashes(database, pepper);
  return {
    registerPepper: () => hashes.registerPepper(),
    hash: (contactId) => hashes.hash(contactId),
    hashAddress: (identifier) => hashes.hashAddress(identifier),
    keyId: () => hashes.keyId(),
    hashIdentifiers: (identifiers) => hashes.hashIdentifiers(identifiers),
  };
}

class KeyedHashes {
  readonly #db: Database['db'];
  readonly #pepper: string | null;
  #key: Promise<KeyObject> | null = null;

  constructor({ db }: Database, pepper: string | null) {
    this.#db = db;
    this.#pepper = pepper;
  }

  async registerPepper(): Promise<void> {
    const { secret } = await this.#readRow();
    await this.#db
      .updateTable('subject_secret')
      .set({ pepper_fingerprint: fingerprint(this.#toKey(secret)) })
      .where('pepper_fingerprint', 'is', null)
      .execute();
    await this.#readKey();
  }

  async hash(contactId: string): Promise<string> {
    return hmac(await this.#cachedKey(), toComparableId(contactId));
  }

  /** No comparable contact id begins with a line break. */
  async hashAddress(identifier: string): Promise<string> {
    return hmac(await this.#cachedKey(), `\n${identifier}`);
  }

  async keyId(): Promise<string> {
    return hmac(await this.#cachedKey(), '\nthe id of this key').slice(0, 16);
  }

  async hashIdentifiers(identifiers: readonly string[]): Promise<Buffer> {
    const key = await this.#cachedKey();
    const hashes = Buffer.alloc(identifiers.length * IDENTIFIER_BYTES);
    for (const [index, identifier] of identifiers.entries())
      createHmac('sha256', key)
        .update(identifier)
        .digest()
        .copy(hashes, index * IDENTIFIER_BYTES, 0, IDENTIFIER_BYTES);
    return hashes;
  }

  /** The key never changes; only a failed read is repeated. */
  #cachedKey(): Promise<KeyObject> {
    this.#key ??= this.#readKey().catch((error: unknown) => {
      this.#key = null;
      throw error;
    });
    return this.#key;
  }

  async #readKey(): Promise<KeyObject> {
    const { secret, pepper_fingerprint: registered } = await this.#readRow();
    const key = this.#toKey(secret);
    if (registered !== null && registered !== fingerprint(key)) throw new PepperMismatch();
    return key;
  }

  #readRow() {
    return this.#db.selectFrom('subject_secret').selectAll().executeTakeFirstOrThrow();
  }

  /** Not a text, which Node would prepare as a key anew for each of millions of hashes. */
  #toKey(secret: string): KeyObject {
    return createSecretKey(this.#pepper === null ? secret : hmac(secret, this.#pepper), 'utf8');
  }
}

function hmac(key: string | KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/** Identifies a key without revealing anything about it. */
function fingerprint(key: KeyObject): string {
  return hmac(key, 'the pepper of this ledger');
}
