/**
 * One form of texts that look the same. Address books, PDF files and web pages bring characters that nobody sees: marks of the
 * direction of text, zero-width and no-break spaces, byte order marks. Two people must not differ by these. Pure.
 */

/**
 * Zero-width characters, direction marks, soft hyphens, variation selectors, byte order marks; a blank of Braille, what brackets
 * annotations, and control characters that are neither white space nor NUL.
 */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]|(?![\0\t-\r])\p{Cc}/gu;
const SPACE = /\p{Space_Separator}/gu;
/** Hyphens at which text may not be broken, or may be. Web pages have them in phone numbers. */
const HYPHEN = /[\u2010\u2011]/g;
const PLAIN = /^[\x21-\x7e]*$/;

/** Without invisible characters, with ordinary spaces and none at the ends, letters and their accents as one character (NFC). */
export function withoutInvisible(text: string): string {
  return PLAIN.test(text) ? text : toVisible(text).trim();
}

/** As `withoutInvisible`, for a part of a text: the spaces at its ends stay. */
export function toVisible(text: string): string {
  return text.replaceAll(INVISIBLE, '').normalize('NFC').replaceAll(SPACE, ' ').replaceAll(HYPHEN, '-');
}

/** Whether nobody sees anything of the text. */
export function isBlank(text: string): boolean {
  return withoutInvisible(text).trim() === '';
}
