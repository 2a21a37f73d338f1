/** What a text says about a decision. Where it is not clear, it counts against reaching the person. Pure. */
import { withoutInvisible } from '../invisible.ts';
import { COURTESY_WORDS, NEGATIONS, NO_DATE_WORDS, NO_WORDS, YES_WORDS } from './decision-words.ts';

/** `mixed`: neither clearly a yes nor a no, but it has a word that says no. `unclear`: a person has to read it. */
export type StatedChoice = 'yes' | 'no' | 'mixed' | 'unclear' | 'missing';

export function readChoiceWords(written: string): StatedChoice {
  const text = withoutInvisible(written).trim();
  if (text === '') return 'missing';
  if (YES.has(text.toLowerCase())) return 'yes';
  const words = toWords(text);
  // 0.0 in a column of flags is hardly a yes, but nobody writes it on purpose.
  if (/^0+$/.test(words.join('')) && words.length > 1) return 'mixed';
  if (NO.has(words.filter((word) => !COURTESY.has(word)).join(''))) return 'no';
  return words.some((word) => (word.length > 1 && NO.has(word)) || NEGATIONS.includes(word))
    ? 'mixed'
    : 'unclear';
}

/**
 * Whether a text may be a date, readable or not: anything but zeros, words such as `n/a`, and the years that exports write where
 * they have no date.
 */
export function mayBeDate(text: string): boolean {
  const letters = toWords(text).join('');
  // A date in a cell that is too narrow.
  if (/^#+$/.test(text)) return true;
  return !/^0*$/.test(letters) && !NO_DATE_YEAR.test(text) && !NO_DATE.has(letters);
}

const NO_DATE_YEAR = /(?<!\d)(?:0000|0001|1899|1900|9999)(?!\d)/;

/** In lower case, without accents, apostrophes and punctuation. */
function toWords(text: string): readonly string[] {
  const bare = withoutInvisible(text)
    .normalize('NFKD')
    .replaceAll(/\p{M}|['’]/gu, '');
  const words = bare
    .toLowerCase()
    .replaceAll('ı', 'i')
    .split(/[^\p{L}\p{N}]+/u);
  return words.filter((word) => word !== '');
}

const YES: ReadonlySet<string> = new Set(YES_WORDS);
const NO: ReadonlySet<string> = new Set(
  Object.values(NO_WORDS).flatMap((words) => words.map((word) => toWords(word).join(''))),
);
const COURTESY: ReadonlySet<string> = new Set(COURTESY_WORDS);
const NO_DATE: ReadonlySet<string> = new Set(NO_DATE_WORDS);
