/** The keys that the proof of consent is encrypted with, one for each data subject. */
import { randomBytes } from 'node:crypto';
import type { Executor } from '../database.ts';
import { KEY_BYTES } from './sealed.ts';

export interface ConsentKey {
  readonly key_id: string;
  readonly key: Uint8Array;
}

/** Each round is lost to an erasure of the same data subject, and nobody is erased so often within a moment. */
const MAX_ROUNDS = 5;

/**
 * The key of each data subject, created where there is none. An erasure may delete a key between its creation and its
 * reading, so missing ones are created again.
 */
export async function obtainKeys(
  db: Executor,
  subjects: readonly string[],
): Promise<ReadonlyMap<string, ConsentKey>> {
  const keys = new Map<string, ConsentKey>();
  for (let round = 1; round <= MAX_ROUNDS && keys.size < subjects.length; round += 1) {
    // Sorted, so that two transactions with the same data subjects cannot deadlock.
    const missing = subjects.filter((subject) => !keys.has(subject)).sort();
    await createKeys(db, missing);
    for (const { subject, ...key } of await readKeys(db, missing)) keys.set(subject, key);
  }
  return keys;
}

async function createKeys(db: Executor, subjects: readonly string[]): Promise<void> {
  await db
    .insertInto('consent_keys')
    .values(subjects.map((subject) => ({ subject, key: randomBytes(KEY_BYTES) })))
    .onConflict((conflict) => conflict.column('subject').doNothing())
    .execute();
}

/**
 * A statement of its own, so that it also sees keys that another transaction has created meanwhile. The lock keeps an erasure
 * out until the entries are committed.
 */
async function readKeys(db: Executor, subjects: readonly string[]) {
  return db
    .selectFrom('consent_keys')
    .select(['subject', 'key_id', 'key'])
    .where('subject', 'in', subjects)
    .orderBy('subject')
    .forShare()
    .execute();
}
