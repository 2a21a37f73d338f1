/**
 * Whether texts name a data subject, in whatever way the id is written there: in any case, with characters that nobody sees, with
 * letters and accents apart, as escapes of JSON. Pure.
 */
import { toComparableId } from '../../domain/contact-id.ts';
import { toText } from '../../domain/fields.ts';
import { isNested } from '../../domain/json.ts';
import { hashId, toReadable, toSearchable } from '../words.ts';

export interface SubjectSearch {
  /** A text without it is written in characters of ASCII only, and is not about the data subject. In lower case. */
  readonly plain: string | null;
  /** For each word of the id, its bits in a word filter. */
  readonly words: readonly (readonly number[])[];
  /** Whether a row is about the data subject. `owner`: whom the record of the row is about; null: it has no record. */
  isAbout(fields: unknown, owner: string | null): boolean;
  /** Whether the id occurs as a whole word. */
  isNamedIn(text: string): boolean;
  /** The same for a text of any length, in UTF-8, even across the boundary of two chunks. */
  isNamedInBytes(chunks: AsyncIterable<Buffer>): Promise<boolean>;
}

export function createSubjectSearch(contactId: string): SubjectSearch {
  const id = toComparableId(contactId);
  const word = new RegExp(`${BEFORE}${toPattern(id)}(?![\\w-])`);
  const isNamedIn = (text: string) => word.test(`\n${toSearchable(text)}`);
  // A shorter id may also be an ordinary word, as in "1001 Main Street".
  const isDistinctive = id.length >= DISTINCTIVE_LENGTH;
  return {
    plain: longestPlainPart(id),
    words: hashId(id),
    isNamedIn,
    isAbout(fields, owner) {
      if (owner !== null && toComparableId(owner) === id) return true;
      const isWord = isDistinctive || owner === null;
      return textsIn(fields).some((text) => toComparableId(text) === id || (isWord && isNamedIn(text)));
    },
    isNamedInBytes: (chunks) => findInBytes(chunks, word, id.length),
  };
}

/** In a row whose record belongs to somebody else a shorter id only counts as the whole content of a cell. */
const DISTINCTIVE_LENGTH = 8;

/** What may precede a word: a character that cannot be part of one or, in JSON, an escape such as \n. */
const BEFORE = String.raw`(?:[^\w-]|\\[bfnrt])`;

/** As CSV and JSON write what they have to escape. */
const ESCAPED: Readonly<Record<string, string>> = {
  '"': String.raw`(?:""|\\*")`,
  '\\': String.raw`\\+`,
  '/': String.raw`\\*/`,
};

function toPattern(id: string): string {
  return id.replaceAll(/[.*+?^${}()|[\]\\"/]/g, (sign) => ESCAPED[sign] ?? `\\${sign}`);
}

/** Of characters that are the same in every text of ASCII. */
function longestPlainPart(id: string): string | null {
  if (/[^\p{ASCII}]/u.test(id)) return null;
  const parts = id.split(/["\\/\p{Cc}]+/u);
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

/** Names of columns and values at any depth. */
function textsIn(value: unknown): readonly string[] {
  if (!isNested(value)) return [toText(value)];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...textsIn(inner)]);
}

/** What may come before a word, and an escape or an accent of which the rest is in the next chunk. */
const MARGIN = 16;

async function findInBytes(chunks: AsyncIterable<Buffer>, word: RegExp, idLength: number): Promise<boolean> {
  const decoder = new TextDecoder();
  // A word may start at the beginning of the text.
  let tail = '\n';
  for await (const chunk of chunks) {
    const text = toReadable(tail + decoder.decode(chunk, { stream: true }));
    // The hyphen keeps the end of a chunk from counting as the end of a word.
    if (word.test(toSearchable(`${text}-`))) return true;
    tail = text.slice(-(idLength + MARGIN));
  }
  return word.test(toSearchable(tail));
}
