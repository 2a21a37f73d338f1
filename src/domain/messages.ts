/**
 * What CXone says in an answer beyond single records: warnings that name none, and the message of a refusal. It is kept
 * without anything that may identify a person, short, and each text once with its number. Pure.
 */
import { shorten } from './shorten.ts';

export interface Message {
  /** Null: texts beyond MAX_MESSAGES, of which only the number is kept. */
  readonly text: string | null;
  /** How often the answer has it. */
  readonly n: number;
}

const MAX_MESSAGES = 20;
const MAX_CHARACTERS = 300;

/** `persons` and `ids`: as for `redactMessage`. */
export function toMessages(
  texts: readonly string[],
  persons: ReadonlySet<string>,
  ids: readonly string[] = [],
): readonly Message[] {
  const counts = new Map<string | null, number>();
  for (const text of texts) {
    // One line: a message is a cell of a table wherever it is shown.
    const line = redactMessage(text, ids, persons).replace(/\s+/g, ' ').trim();
    const kept = shorten(line === '' ? '…' : line, MAX_CHARACTERS);
    const isKept = counts.has(kept) || counts.size - Number(counts.has(null)) < MAX_MESSAGES;
    const key = isKept ? kept : null;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([text, n]) => ({ text, n }));
}

/**
 * A message of CXone without anything that may be a phone number or an email address.
 * @param ids known ids of lists, which are configuration and therefore kept
 * @param persons words that identify a person (`wordsOfPersons`)
 */
export function redactMessage(
  message: string,
  ids: readonly string[],
  persons: ReadonlySet<string> = new Set(),
): string {
  const hide = (found: string) => (ids.some((id) => id.includes(found)) ? found : '…');
  return message
    .replace(WORD, (word) => (ADDRESS.test(word) ? hide(word) : word))
    .replace(PHONE_NUMBER, hide)
    .replace(NAME, (word) => (persons.has(toKey(word)) ? '…' : word));
}

/** Word by word: a search for `[^\s]+@` in a text without an @ would start over at every character. */
const WORD = /[^\s"']+/g;
const ADDRESS = /.@./;
const PHONE_NUMBER = /\+?\(?\d(?:[\s().-]*\d){6,}/g;
/** A word without the punctuation of the sentence around it; ids may have `-`, `_` and `.` inside. */
const NAME = /[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}_.+'’-]*[\p{L}\p{M}\p{N}])?/gu;

const MIN_CHARACTERS = 3;
/** A value of more words is a sentence, and its words are not names. */
const MAX_WORDS = 3;

/** The words of values that identify a person: ids, numbers, names. Those of one or two characters are too common. */
export function wordsOfPersons(values: Iterable<string>): ReadonlySet<string> {
  const words = new Set<string>();
  for (const value of values) {
    const found = value.match(NAME) ?? [];
    if (found.length > MAX_WORDS) continue;
    for (const word of found) if (word.length >= MIN_CHARACTERS) words.add(toKey(word));
  }
  return words;
}

const toKey = (word: string): string => word.toLowerCase();
