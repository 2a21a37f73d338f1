/**
 * Names of columns, and texts inside the XML of a workbook: characters that XML cannot hold are written as `_x000D_`, and a text that looks like such
 * an escape as `_x005F_x000D_` (ECMA-376, part 1, 22.4.2.4, ST_Xstring). Pure.
 */

/** What XML 1.0 cannot hold, and CR, which every XML parser reads as LF. */
const UNWRITABLE = String.raw`[\0-\x08\x0b-\x1f\ufffe\uffff]`;
const ESCAPE = /_x([\dA-Fa-f]{4})_/g;
const CHARACTERS = new RegExp(UNWRITABLE, 'g');
/** The beginning of what would be read as an escape; the `_` at its end may come from the escape of the next character. */
const LOOKS_ESCAPED = new RegExp(`_(?=x[\\dA-Fa-f]{4}(?:_|${UNWRITABLE}))`, 'g');

/** May return halves of surrogate pairs and NUL, which XML itself cannot hold. */
export function readEscapes(text: string): string {
  if (!text.includes('_x')) return text;
  return text.replaceAll(ESCAPE, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** Of a column: 0 is `A`, 27 is `AB`. */
export function columnName(column: number): string {
  const last = String.fromCharCode(A + (column % 26));
  return column < 26 ? last : columnName(Math.floor(column / 26) - 1) + last;
}

const A = 0x41;

/** What readEscapes reads as this text. */
export function writeEscapes(text: string): string {
  return text.replaceAll(LOOKS_ESCAPED, '_x005F_').replaceAll(CHARACTERS, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `_x${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`;
}
