/**
 * A person's key where the person must not be named: HMAC of the contact id under the secret of this ledger and, where
 * one is set, the pepper. The secret lies beside what it keys; the pepper (CXFLOW_PEPPER) does not, so that a copy of
 * the database alone does not even answer whether a given person is in it.
 */
import { createHmac } from 'node:crypto';
import type { Database } from '../database.ts';

/** Keys made with another pepper find nobody: an objection would be overlooked without a word. */
export class PepperMismatch extends Error {
  override readonly name = 'PepperMismatch';
  readonly next =
    'set CXFLOW_PEPPER to what it was when this ledger was begun, for the worker and the CLI alike';
  constructor() {
    super('CXFLOW_PEPPER is not the one with which the people of this ledger are keyed');
  }
}

export function createSubjectKeys({ db }: Database, pepper: string | null = null) {
  let secret: Promise<string> | null = null;
  const stored = () => db.selectFrom('subject_secret').selectAll().executeTakeFirstOrThrow();
  const seasoned = (text: string): string => (pepper === null ? text : hmac(text, pepper));
  const read = async (): Promise<string> => {
    const row = await stored();
    const mine = seasoned(row.secret);
    if (row.pepper_fingerprint !== null && row.pepper_fingerprint !== markOf(mine))
      throw new PepperMismatch();
    return mine;
  };
  /** It never changes; a failed read is not kept. */
  const theSecret = (): Promise<string> => {
    secret ??= read().catch((error: unknown) => {
      secret = null;
      throw error;
    });
    return secret;
  };
  return {
    /** A worker says so once, before it keys anybody: from then on this pepper it is. Errors: PepperMismatch. */
    async registerPepper(): Promise<void> {
      const row = await stored();
      await db
        .updateTable('subject_secret')
        .set({ pepper_fingerprint: markOf(seasoned(row.secret)) })
        .where('pepper_fingerprint', 'is', null)
        .execute();
      await read();
    },

    /** Errors: PepperMismatch. 64 hexadecimal digits. GUIDs are the same in any case, and so are their keys. */
    async hash(contactId: string): Promise<string> {
      return hmac(await theSecret(), contactId.toLowerCase());
    },
  };
}

function hmac(key: string, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/** Tells one key from another and nothing about it. */
function markOf(key: string): string {
  return hmac(key, 'the pepper of this ledger');
}

export type SubjectKeys = ReturnType<typeof createSubjectKeys>;
