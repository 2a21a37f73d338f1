/** Which rows are about a data subject. Datasets are searched by the same rule (activities/consent/erasure.ts). */
import { type RawBuilder, sql } from 'kysely';

/**
 * A shorter id may also be an ordinary word, as in "1001 Main Street". In a row whose record belongs to somebody else it only
 * counts as the whole content of a cell.
 */
const DISTINCTIVE_LENGTH = 8;

/** What may precede a word in JSON: a character that is no part of a word, or an escape whose backslash is not escaped. */
const BEFORE = String.raw`(^|[^a-z0-9_-]|(?<!\\)(\\\\)*\\([bfnrt]|u[0-9a-f]{4}))`;
const AFTER = '($|[^a-z0-9_-])';

/**
 * A condition on `records r`: the row's record has this contact id, or the id occurs as a word in any column. That includes
 * numbers, padded cells, parts of longer texts, and lines that could not be parsed.
 */
export function rowsOfSubject(contactId: string): RawBuilder<boolean> {
  const escaped = JSON.stringify(contactId).slice(1, -1);
  const word = `${BEFORE}${escaped.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}${AFTER}`;
  // Both sides are lowered by the database, because JavaScript's lower case differs for some letters.
  const lower = (text: string) => sql`lower(${text}::text)`;
  const fields = sql`lower(r.fields::text)`;
  const isDistinctive = contactId.length >= DISTINCTIVE_LENGTH;
  // The search for the plain text comes first: it is quick, and rules out nearly all rows.
  return sql<boolean>`(lower(r.record->>'contactId') = ${lower(contactId)}
    or (position(${lower(escaped)} in ${fields}) > 0 and (
      position(${lower(JSON.stringify(contactId))} in ${fields}) > 0
      or ((${isDistinctive}::boolean or r.record->>'contactId' is null) and ${fields} ~ ${lower(word)}))))`;
}
