/**
 * Shortens texts that others have written, before they reach a place of limited size. The result says that it is shortened,
 * and never ends with half a surrogate pair. Reads no more of the text than it keeps. Pure.
 */

/** At most `max` UTF-16 units. */
export function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${cutBefore(text, max - 1)}…`;
}

/** At most `maxBytes` bytes in UTF-8. */
export function shortenToBytes(text: string, maxBytes: number): string {
  let [bytes, index, fits] = [0, 0, 0];
  for (const character of text) {
    bytes += utf8Bytes(character.codePointAt(0) ?? 0);
    if (bytes > maxBytes) return `${text.slice(0, fits)}…`;
    index += character.length;
    if (bytes <= maxBytes - ELLIPSIS_BYTES) fits = index;
  }
  return text;
}

/** The first `max` of them, and one more that counts the others: `… and 12 more`. */
export function shortenList(lines: readonly string[], max: number): string[] {
  if (lines.length <= max) return [...lines];
  return [...lines.slice(0, max), `… and ${lines.length - max} more`];
}

const ELLIPSIS_BYTES = 3;

function cutBefore(text: string, end: number): string {
  const code = text.charCodeAt(end - 1);
  const splitsPair = code >= 0xd800 && code <= 0xdbff;
  return text.slice(0, splitsPair ? end - 1 : end);
}

/** In bytes of UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) bytes += utf8Bytes(character.codePointAt(0) ?? 0);
  return bytes;
}

function utf8Bytes(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}
