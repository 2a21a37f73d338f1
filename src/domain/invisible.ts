/**
 * One form of texts that look the same. Address books, PDF files and web pages bring characters that nobody sees: marks of the
 * direction of text, zero-width and no-break spaces, byte order marks. Two people must not differ by these. Pure.
 */

/** Zero-width characters, direction marks, soft hyphens, variation selectors, byte order marks. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;
const SPACE = /\p{Space_Separator}/gu;
const PLAIN = /^[\x21-\x7e]*$/;

/** Without invisible characters, with ordinary spaces and none at the ends, letters and their accents as one character (NFC). */
export function withoutInvisible(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replaceAll(INVISIBLE, '').normalize('NFC').replaceAll(SPACE, ' ').trim();
}
