/**
 * Keeps text from outside (ids, names, messages of CXone) from controlling the terminal: everything that a command prints
 * passes through here. Pure.
 */

/** Control characters of C0 and C1, line separators, and marks that change the direction of the text. */
const CONTROLS =
  '\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069';
const CONTROL = new RegExp(`[${CONTROLS}]`, 'g');
/** The same without line feeds, and the colours that we use, which are put back. */
const COLOR_OR_CONTROL = new RegExp(`(\\u001b\\[(?:1|2|22|3[0-79]|9[0-7])m)|\\n|[${CONTROLS}]`, 'g');

/** For one cell or one name: no control character is left, line feeds included. */
export function printable(text: string): string {
  return text.replace(CONTROL, '\ufffd');
}

/** For whole lines, whose line feeds and colours are ours. */
export function sanitize(text: string): string {
  return text.replace(COLOR_OR_CONTROL, (found, color: string | undefined) =>
    found === '\n' || color !== undefined ? found : '\ufffd',
  );
}

/** The same document for a program, without a character that would control the terminal of a person. */
export function toJson(document: unknown, indent?: number): string {
  return JSON.stringify(document, null, indent).replace(CONTROL, (character) =>
    // Those of C0 are escaped already, so what is left of them is our own indentation.
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
