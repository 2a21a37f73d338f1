/**
 * What a text of an input may contain (docs/from-a-service.md#texts). PostgreSQL cannot store NUL, and neither NUL nor half
 * of a surrogate pair can be read from JSON there: a single one would break every query that goes through it. Pure.
 */
import { shorten } from './shorten.ts';

export interface TextRule {
  /** In UTF-16 code units, as `length` counts them. */
  readonly maxCharacters: number;
  readonly refused: readonly Refused[];
}

interface Refused {
  readonly pattern: RegExp;
  readonly what: string;
}

/** In a regular expression with the flag `u`, `\p{Surrogate}` matches halves of pairs only. */
const HALF_PAIR: Refused = { pattern: /\p{Surrogate}/u, what: 'half of a surrogate pair' };
const NUL: Refused = { pattern: new RegExp('\0'), what: 'a NUL character' };
/** C0, DEL, C1, and the separators of lines and paragraphs. */
const CONTROL: Refused = { pattern: /[\p{Cc}\u2028\u2029]/u, what: 'a control character' };
const CONTROL_BUT_LINES: Refused = { ...CONTROL, pattern: /(?![\t\n\r])[\p{Cc}\u2028\u2029]/u };
/** Embeddings, overrides and isolates: they change the order in which the text around them is shown. */
const DIRECTION: Refused = {
  pattern: /[\u202a-\u202e\u2066-\u2069]/,
  what: 'a character that changes the direction of the text after it',
};
/** Invisible, and harmless in Arabic and Hebrew text; but two ids must not look alike. */
const DIRECTION_MARK: Refused = { pattern: /[\u061c\u200e\u200f]/, what: 'an invisible direction mark' };
/** What a decoder puts in the place of bytes that it cannot read. */
const REPLACED: Refused = { pattern: /\ufffd/, what: 'U+FFFD in the place of bytes that are not UTF-8' };

const UNSTORABLE = [NUL, HALF_PAIR] as const;
const ONE_LINE = [...UNSTORABLE, CONTROL, DIRECTION] as const;
const LINES = [...UNSTORABLE, CONTROL_BUT_LINES, DIRECTION] as const;

/** Every text of an input follows one of these rules. */
export const TEXT_RULES = {
  /** Ids of runs, datasets, lists and writes; hashes. */
  id: { maxCharacters: 255, refused: [...ONE_LINE, DIRECTION_MARK, REPLACED] },
  /** Names of people, services and time zones; fields, operators and priorities of a selection; fields of a map. */
  name: { maxCharacters: 200, refused: ONE_LINE },
  /** A reason that somebody gives. */
  note: { maxCharacters: 500, refused: LINES },
  /** The name of a column, which is whatever the source has. */
  column: { maxCharacters: 1_000, refused: UNSTORABLE },
  /** A file, below the worker's source folder or on the caller's machine. */
  path: { maxCharacters: 4_096, refused: ONE_LINE },
  /** The subject of an email, as it is written and as it is merged. At most 998 characters of Unicode, which is checked apart. */
  subject: { maxCharacters: 1_996, refused: ONE_LINE },
  /** What the template of an email looks like, for samples. */
  preview: { maxCharacters: 100_000, refused: LINES },
  /** A text inside a filter rule or a priority, which is compared character by character; a value that an email has. */
  value: { maxCharacters: 10_000, refused: UNSTORABLE },
  /** The value of a setting, or of the file that holds a secret. What it means may have a stricter rule. */
  setting: { maxCharacters: 10_000, refused: [...ONE_LINE, DIRECTION_MARK, REPLACED] },
  /** A setting of Temporal's SDK, such as a certificate or a key in PEM. */
  pem: { maxCharacters: 100_000, refused: [...LINES, DIRECTION_MARK, REPLACED] },
  /** An argument of the command line. What it means may have a stricter rule. */
  argument: { maxCharacters: 10_000, refused: [...LINES, REPLACED] },
} as const satisfies Readonly<Record<string, TextRule>>;

/** With U+FFFD for each character that PostgreSQL cannot store. */
export function replaceUnstorable(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\ufffd');
}

/** What is wrong with the text, or null. Never contains the text. */
export function textProblem(text: string, { maxCharacters, refused }: TextRule): string | null {
  if (text.length > maxCharacters)
    return `must have at most ${maxCharacters} characters, but has ${text.length}`;
  for (const { pattern, what } of refused) {
    const at = text.search(pattern);
    if (at >= 0) return `must not have ${what} (character ${at + 1})`;
  }
  return null;
}

/** A name that a caller invented, such as an unknown field: short, in quotes, with escapes for what cannot be shown. */
export function quoteName(name: string): string {
  return `"${escapeUnprintable(shorten(name, MAX_QUOTED)).replaceAll('"', '\\"')}"`;
}

const MAX_QUOTED = 60;

/** Keeps letters, marks, digits and ASCII; everything else becomes an escape as in JSON. */
export function escapeUnprintable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\p{L}\p{M}\p{N}…]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
