/** Searches the bytes of a dataset for a contact id. Pure. */

/**
 * Searches for the id as a whole word, ignoring case, even across the boundary of two chunks. Rows in the ledger are
 * searched by the same rule (erasure-search.sql.ts).
 */
export async function containsId(chunks: AsyncIterable<Buffer>, contactId: string): Promise<boolean> {
  // As latin1, each byte is one character, so chunks may be cut within a UTF-8 sequence.
  const id = Buffer.from(contactId, 'utf8').toString('latin1');
  const word = new RegExp(`${BEFORE}${id.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`, 'i');
  // A word may start at the beginning of the file.
  let tail = '\n';
  for await (const chunk of chunks) {
    const text = tail + chunk.toString('latin1');
    // The hyphen keeps the end of a chunk from counting as the end of a word.
    if (word.test(`${text}-`)) return true;
    tail = text.slice(-(id.length + MAX_BEFORE_LENGTH));
  }
  return word.test(tail);
}

/** What may precede a word: a character that cannot be part of one or, in JSON, an escape such as \n. */
const BEFORE = String.raw`(?:[^\w-]|\\(?:[bfnrt]|u[0-9a-f]{4}))`;
const MAX_BEFORE_LENGTH = String.raw`\u000a`.length;
