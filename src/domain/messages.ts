/**
 * What CXone says in an answer beyond single records: warnings that name none, and the message of a refusal. It is kept
 * without the values of the records that were sent, short, and each text once with its number. It may still name somebody
 * else, so it is kept only where it can be deleted: neither the audit nor an event has it. Pure.
 */
import { shorten } from './shorten.ts';

export interface Message {
  /** Null: texts beyond MAX_MESSAGES or MAX_READ, of which only the number is kept. */
  readonly text: string | null;
  /** How often the answer has it. */
  readonly n: number;
}

const MAX_MESSAGES = 20;
const MAX_CHARACTERS = 300;
/** An answer may have tens of thousands of texts, and each takes time to read. */
const MAX_READ = 1_000;

/** `persons` and `ids`: as for `redactMessage`. */
export function toMessages(
  texts: readonly string[],
  persons: Persons,
  ids: readonly string[] = [],
): readonly Message[] {
  const read = new Map<string, string>();
  const counts = new Map<string | null, number>();
  for (const text of texts) {
    if (!read.has(text) && read.size < MAX_READ) {
      const line = redactMessage(text, ids, persons);
      read.set(text, shorten(line === '' ? MARK : line, MAX_CHARACTERS));
    }
    const kept = read.get(text) ?? null;
    const isKept = counts.has(kept) || counts.size - Number(counts.has(null)) < MAX_MESSAGES;
    const key = isKept ? kept : null;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([text, n]) => ({ text, n }));
}

const MARK = '…';

/**
 * A message of CXone on one line, without values of the persons and without anything that may be a phone number or an email
 * address. Everything is searched in the original text, so that no part of a find escapes because another find overlaps it.
 * @param ids known ids of lists, which are configuration and therefore kept
 */
export function redactMessage(message: string, ids: readonly string[], persons: Persons): string {
  const text = toLine(message);
  const hidden = new Uint8Array(text.length);
  const hide = (start: number, length: number) => hidden.fill(1, start, start + length);
  const hideUnlessId = (start: number, found: string) => {
    if (!ids.some((id) => id.includes(found))) hide(start, found.length);
  };
  for (const { 0: word, index } of text.matchAll(WORD)) if (ADDRESS.test(word)) hideUnlessId(index, word);
  for (const { 0: found, index } of text.matchAll(PHONE_NUMBER)) hideUnlessId(index, found);
  persons.find(text, hide);
  return withMarks(text, hidden);
}

/** With one mark for each run of hidden characters. */
function withMarks(text: string, hidden: Uint8Array): string {
  const parts: string[] = [];
  for (let start = 0; start < text.length; ) {
    const isHidden = hidden[start];
    const next = hidden.indexOf(isHidden === 1 ? 0 : 1, start);
    const end = next < 0 ? text.length : next;
    parts.push(isHidden === 1 ? MARK : text.slice(start, end));
    start = end;
  }
  return parts.join('');
}

/** A message is a cell of a table wherever it is shown. The same character may be written in several ways (NFC is one). */
const toLine = (text: string): string => text.normalize('NFC').replace(/\s+/g, ' ').trim();

/** Word by word: a search for `[^\s]+@` in a text without an @ would start over at every character. */
const WORD = /[^\s"']+/g;
const ADDRESS = /.@./;
const PHONE_NUMBER = /\+?\(?\d(?:[\s().-]*\d){6,}/g;
/** A word without the punctuation of the sentence around it; ids may have `-`, `_` and `.` inside. */
const NAME = /[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}_.+'’-]*[\p{L}\p{M}\p{N}])?/gu;
const PART = /[\p{L}\p{M}\p{N}]+/gu;

/** A shorter value in another case is only found as a word: `Li` is not in `list`. */
const MIN_FOLDED = 4;
const MIN_CHARACTERS = 2;
/** Characters that are compared for one answer, well within a second. Only values that begin alike take more, in texts that repeat their beginning. */
const MAX_COMPARED = 100_000_000;
/** A value of more words is a sentence: those of its words that begin with a small letter are not names. */
const MAX_WORDS = 5;
const SMALL = /^\p{Ll}/u;

type OnFound = (start: number, length: number) => void;

/** What identifies the persons of a batch: the values of their records (ids, numbers, names) and the words of these. */
export class Persons {
  readonly #exact = new Substrings();
  readonly #folded = new Substrings();
  readonly #words = new Set<string>();

  constructor(values: Iterable<string>) {
    for (const value of new Set(values)) this.#add(toLine(value));
  }

  #add(value: string): void {
    for (const spelling of spellingsOf(value))
      if (spelling.length >= MIN_FOLDED) this.#folded.add(fold(spelling));
      else if (spelling.length >= MIN_CHARACTERS) this.#exact.add(spelling);
      else if (spelling !== '') this.#words.add(fold(spelling));
    const words = value.match(NAME) ?? [];
    for (const word of words)
      if (word.length >= MIN_CHARACTERS && (words.length <= MAX_WORDS || !SMALL.test(word)))
        this.#words.add(fold(word));
  }

  /** @param text on one line, in NFC */
  find(text: string, onFound: OnFound): void {
    const folded = fold(text);
    this.#exact.find(text, onFound);
    this.#folded.find(folded, onFound);
    for (const { 0: word, index } of folded.matchAll(NAME)) {
      if (this.#words.has(word)) onFound(index, word.length);
      else
        for (const { 0: part, index: at } of word.matchAll(PART))
          if (this.#words.has(part)) onFound(index + at, part.length);
    }
  }
}

/**
 * Finds texts of at least two characters within another, also where they overlap. By their first two characters and their
 * lengths, because a batch may have thousands of values and an answer thousands of texts. Once that has taken too long, a text
 * counts as found as a whole.
 */
class Substrings {
  #compared = 0;
  readonly #byStart = new Map<string, { readonly texts: Set<string>; readonly lengths: Set<number> }>();

  add(text: string): void {
    const start = text.slice(0, MIN_CHARACTERS);
    const same = this.#byStart.get(start) ?? { texts: new Set(), lengths: new Set() };
    same.texts.add(text);
    same.lengths.add(text.length);
    this.#byStart.set(start, same);
  }

  find(text: string, onFound: OnFound): void {
    if (this.#byStart.size === 0) return;
    for (let at = 0; at + MIN_CHARACTERS <= text.length; at += 1) {
      const same = this.#byStart.get(text.slice(at, at + MIN_CHARACTERS));
      if (!same) continue;
      for (const length of same.lengths) {
        this.#compared += length;
        if (this.#compared > MAX_COMPARED) return onFound(0, text.length);
        if (same.texts.has(text.slice(at, at + length))) onFound(at, length);
      }
    }
  }
}

const GUID =
  /^[\p{P}\s]*([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})[\p{P}\s]*$/iu;

/** A GUID is written with dashes and without. */
function spellingsOf(value: string): readonly string[] {
  const parts = GUID.exec(value)?.slice(1);
  return parts ? [value, parts.join('-'), parts.join('')] : [value];
}

/** In lower case; character by character, so that the positions stay those of the original. */
const fold = (text: string): string =>
  text
    .replace(/\p{Lu}/gu, (letter) => {
      const lower = letter.toLowerCase();
      return lower.length === letter.length ? lower : letter;
    })
    .replaceAll('ς', 'σ');
