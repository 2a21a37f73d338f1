/**
 * Converts text in other encodings to UTF-8, block by block (docs/adr/0011-encodings.md). It has its own table for
 * Windows-1252, because the TextDecoder of several Node releases (20.20 among them) silently decodes it as Latin-1.
 */

/** The values of the contract's `encoding`. `latin1` is read as windows-1252, which has all of its letters. */
export const SOURCE_ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'latin1'] as const;
export type SourceEncoding = (typeof SOURCE_ENCODINGS)[number];

export interface Decoder {
  /** UTF-8. An invalid character becomes a byte that is invalid in UTF-8 too, so that only its row is broken. */
  push(block: Buffer): Buffer;
  /** The rest, if the source was cut off inside a character. */
  end(): Buffer;
}

/** null: UTF-8 needs no conversion. */
export function createDecoder(encoding: SourceEncoding): Decoder | null {
  if (encoding === 'utf-8') return null;
  if (encoding === 'utf-16le' || encoding === 'utf-16be') return createUtf16Decoder(encoding === 'utf-16be');
  return { push: (block) => toUtf8(decodeWindows1252(block)), end: () => NOTHING };
}

const NOTHING = Buffer.alloc(0);
const INVALID = Buffer.of(0xff);

function createUtf16Decoder(isBigEndian: boolean): Decoder {
  let kept = NOTHING;
  return {
    push(block) {
      const bytes = kept.length === 0 ? block : Buffer.concat([kept, block]);
      let end = bytes.length - (bytes.length % 2);
      // The first half of a surrogate pair waits for the second.
      const last = end >= 2 ? (isBigEndian ? bytes.readUInt16BE(end - 2) : bytes.readUInt16LE(end - 2)) : 0;
      if (last >= 0xd800 && last <= 0xdbff) end -= 2;
      kept = Buffer.from(bytes.subarray(end));
      const whole = bytes.subarray(0, end);
      return toUtf8((isBigEndian ? Buffer.from(whole).swap16() : whole).toString('utf16le'));
    },
    end: () => (kept.length === 0 ? NOTHING : INVALID),
  };
}

/**
 * The characters of 0x80 to 0x9f. Half a surrogate pair stands for the five bytes without a character. Source: WHATWG
 * Encoding, windows-1252.
 */
const HIGH_CONTROLS = '€\ud800‚ƒ„…†‡ˆ‰Š‹Œ\ud800Ž\ud800\ud800‘’“”•–—˜™š›œ\ud800žŸ';

/** With halves of surrogate pairs for bytes without a character. */
export function decodeWindows1252(block: Buffer): string {
  return block
    .toString('latin1')
    .replaceAll(/[\u0080-\u009f]/g, (control) => HIGH_CONTROLS[control.charCodeAt(0) - 0x80] ?? control);
}

/** Buffer.from would replace half a surrogate pair by U+FFFD, which is a valid character. */
function toUtf8(text: string): Buffer {
  const [first = '', ...more] = text.split(/\p{Surrogate}/u);
  if (more.length === 0) return Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from(first), ...more.flatMap((part) => [INVALID, Buffer.from(part)])]);
}
