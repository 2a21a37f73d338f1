/**
 * Texts of other encodings to UTF-8, block by block (docs/adr/0011). Our own table of Windows-1252, for Node's
 * TextDecoder takes it for Latin-1 in several releases (20.20 among them): € would be lost without a word.
 */

/** The same words as the contract's `encoding`. `latin1` is read as windows-1252, which has all of its letters. */
export const SOURCE_ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'latin1'] as const;
export type SourceEncoding = (typeof SOURCE_ENCODINGS)[number];

export interface Decoder {
  /** UTF-8, with a byte that UTF-8 never has where the source has no character: its row is broken, no other. */
  push(block: Buffer): Buffer;
  /** What a source that was cut off inside a character has left. */
  end(): Buffer;
}

/** null: it is UTF-8 already. */
export function createDecoder(encoding: SourceEncoding): Decoder | null {
  if (encoding === 'utf-8') return null;
  if (encoding === 'utf-16le' || encoding === 'utf-16be') return createUtf16Decoder(encoding === 'utf-16be');
  return { push: (block) => toUtf8(fromWindows1252(block)), end: () => NOTHING };
}

const NOTHING = Buffer.alloc(0);
const NO_CHARACTER = Buffer.of(0xff);

function createUtf16Decoder(isBigEndian: boolean): Decoder {
  let kept = NOTHING;
  return {
    push(block) {
      const bytes = kept.length === 0 ? block : Buffer.concat([kept, block]);
      let end = bytes.length - (bytes.length % 2);
      // The first half of a pair waits for the second.
      const last = end >= 2 ? (isBigEndian ? bytes.readUInt16BE(end - 2) : bytes.readUInt16LE(end - 2)) : 0;
      if (last >= 0xd800 && last <= 0xdbff) end -= 2;
      kept = Buffer.from(bytes.subarray(end));
      const whole = bytes.subarray(0, end);
      return toUtf8((isBigEndian ? Buffer.from(whole).swap16() : whole).toString('utf16le'));
    },
    end: () => (kept.length === 0 ? NOTHING : NO_CHARACTER),
  };
}

/** 0x80 to 0x9f; half a surrogate pair stands for the five bytes that are no character. Source: WHATWG, windows-1252. */
const HIGH_CONTROLS = '€\ud800‚ƒ„…†‡ˆ‰Š‹Œ\ud800Ž\ud800\ud800‘’“”•–—˜™š›œ\ud800žŸ';

function fromWindows1252(block: Buffer): string {
  return block
    .toString('latin1')
    .replaceAll(/[\u0080-\u009f]/g, (control) => HIGH_CONTROLS[control.charCodeAt(0) - 0x80] ?? control);
}

/** Buffer.from would make U+FFFD of half a pair, a character like any other. */
function toUtf8(text: string): Buffer {
  const [first = '', ...more] = text.split(/\p{Surrogate}/u);
  if (more.length === 0) return Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from(first), ...more.flatMap((part) => [NO_CHARACTER, Buffer.from(part)])]);
}
