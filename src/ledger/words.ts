/**
 * Which words occur in a text, as a Bloom filter: a word that occurs is always found, and a few that do not occur seem to.
 * It keeps erasures quick with millions of rows (docs/adr/0023-erasure.md#finding-a-data-subject). A word is what
 * the exact search takes for one (consent/subject-search.ts): letters and digits of ASCII, `_` and `-`. Pure.
 */
import { toVisible } from '../domain/invisible.ts';

/** With one bit for each character and three for each word, at most about three percent of other words seem to occur. */
const CHARACTERS_PER_BYTE = 8;
const SMALLEST_BYTES = 64;

/** In JSON a word may follow an escape such as \n. In other texts this adds a word that does no harm. */
const WORD_AFTER_ESCAPE = /\\(?:[bfnrt]|u[0-9a-f]{4})([\w-]+)/gi;

export function createWordFilter(texts: readonly string[]): Buffer {
  const characters = texts.reduce((sum, { length }) => sum + length, 0);
  const filter = Buffer.alloc(Math.max(SMALLEST_BYTES, Math.ceil(characters / CHARACTERS_PER_BYTE)));
  const bits = filter.length * 8;
  const add = (hash: number): void => {
    for (const each of spread(hash)) {
      const bit = each % bits;
      filter[bit >>> 3] = (filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  };
  for (const text of texts) {
    hashWords(text, add);
    if (text.includes('\\'))
      for (const [, word = ''] of text.matchAll(WORD_AFTER_ESCAPE)) hashWords(word, add);
    if (MAY_BE_SPELLED_DIFFERENTLY.test(text)) hashWords(toSearchable(text), add);
  }
  return filter;
}

const MAY_BE_SPELLED_DIFFERENTLY = /[^\s\x20-\x7e]|\\u/;

/** One form of all spellings of a text: as `toReadable`, in lower case. */
export function toSearchable(text: string): string {
  return toReadable(text).toLowerCase().normalize('NFC');
}

/**
 * With the characters that escapes of JSON stand for, without those that nobody sees, and with letters and their accents as one
 * character. JSON inside of JSON has more than one backslash. An escape without a number stands for no part of a word.
 */
export function toReadable(text: string): string {
  const unescaped = text.includes('\\u')
    ? text.replaceAll(/\\+u([\da-f]{4})/gi, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 16)),
      )
    : text;
  return toVisible(unescaped);
}

/** For each word of an id, its bits (modulo the size of a filter). A text that names the id has them all. */
export function hashId(id: string): readonly (readonly number[])[] {
  const words: (readonly number[])[] = [];
  hashWords(id, (hash) => void words.push(spread(hash)));
  return words;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Without a regular expression, which would take ten times as long for the rows of a large source. */
function hashWords(text: string, onWord: (hash: number) => void): void {
  let hash = FNV_OFFSET;
  let isWord = false;
  for (let i = 0; i < text.length; i += 1) {
    const character = lowerWordCharacter(text.charCodeAt(i));
    if (character !== 0) {
      hash = Math.imul(hash ^ character, FNV_PRIME);
      isWord = true;
    } else if (isWord) {
      onWord(hash >>> 0);
      hash = FNV_OFFSET;
      isWord = false;
    }
  }
  if (isWord) onWord(hash >>> 0);
}

/** In lower case; 0: not part of a word. */
function lowerWordCharacter(code: number): number {
  if ((code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 95) return code;
  return code >= 65 && code <= 90 ? code + 32 : 0;
}

/** Three independent positions; the steps are from the finalizer of MurmurHash3. */
function spread(hash: number): readonly number[] {
  let step = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  step = Math.imul(step ^ (step >>> 13), 0xc2b2ae35);
  step = (step ^ (step >>> 16)) >>> 0;
  return [hash, hash + step, hash + 2 * step];
}
