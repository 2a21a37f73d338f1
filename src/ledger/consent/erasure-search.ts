/** Which rows are about a person, in SQL. The files that were handed over are searched by activities/consent/erasure.ts. */
import { type RawBuilder, sql } from 'kysely';

/**
 * A shorter id is also an ordinary word: 1001 Main Street. In a row that the rules know to be of somebody else it counts
 * as a cell of its own only.
 */
const TELLING_CHARACTERS = 8;

/** What stands in JSON before a word: no part of one, or an escape, whose backslash is not escaped itself. */
const BEFORE = String.raw`(^|[^a-z0-9_-]|(?<!\\)(\\\\)*\\([bfnrt]|u[0-9a-f]{4}))`;
const AFTER = '($|[^a-z0-9_-])';

/**
 * Of `records r`: by the record that the rules made, or by the id as a word of its own in whatever column a row has it.
 * Also where it is a number, padded, a part of a longer text, or in a line that is no row at all.
 */
export function rowsOfSubject(contactId: string): RawBuilder<boolean> {
  const written = JSON.stringify(contactId).slice(1, -1);
  const word = `${BEFORE}${written.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}${AFTER}`;
  // By the one function on both sides: what a letter's small form is, is the database's word.
  const small = (text: string) => sql`lower(${text}::text)`;
  const fields = sql`lower(r.fields::text)`;
  const isTelling = contactId.length >= TELLING_CHARACTERS;
  // The plain search first: it rules out nearly all rows, and quickly.
  return sql<boolean>`(lower(r.record->>'contactId') = ${small(contactId)}
    or (position(${small(written)} in ${fields}) > 0 and (
      position(${small(JSON.stringify(contactId))} in ${fields}) > 0
      or ((${isTelling}::boolean or r.record->>'contactId' is null) and ${fields} ~ ${small(word)}))))`;
}
