/** A person's key where the person must not be named: HMAC of the contact id under the secret of this ledger. */
import { createHmac } from 'node:crypto';
import type { Database } from './database.ts';

export function createSubjectKeys({ db }: Database) {
  let secret: Promise<string> | null = null;
  const read = async (): Promise<string> => {
    const row = await db.selectFrom('subject_secret').select('secret').executeTakeFirstOrThrow();
    return row.secret;
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
    /** 64 hexadecimal digits. GUIDs are the same in any case, and so are their keys. */
    async keyOf(contactId: string): Promise<string> {
      return createHmac('sha256', await theSecret())
        .update(contactId.toLowerCase())
        .digest('hex');
    },
  };
}

export type SubjectKeys = ReturnType<typeof createSubjectKeys>;
