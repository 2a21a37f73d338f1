/** What text in another encoding than UTF-8 looks like. Only for messages: no encoding is guessed. */

/** Encodings whose text is ASCII, byte for byte, and means something else. */
const SEVEN_BIT: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: 'ISO-2022-JP-2', pattern: /\u001b(?:\$\([A-Z]|\$A|\.[AF])/ },
  { name: 'ISO-2022-JP', pattern: /\u001b(?:\$[@B]|\([BIJ])/ },
  { name: 'ISO-2022-KR', pattern: /\u001b\$\)C/ },
  { name: 'ISO-2022-CN', pattern: /\u001b\$[)*][AGH]/ },
  { name: 'HZ-GB-2312', pattern: /~\{(?:[\x21-\x7e]{2})+~\}/ },
];

/**
 * The 7-bit encoding that a text seems to have, with its 1-based line; null: none. Read as ASCII, its names would become
 * `+AOk-` or `$3$s`.
 */
export function findSevenBit(block: Buffer): { readonly name: string; readonly line: number } | null {
  if (block.some((byte) => byte >= 0x80)) return null;
  const text = block.toString('latin1');
  for (const { name, pattern } of SEVEN_BIT) {
    const at = text.search(pattern);
    if (at >= 0) return { name, line: lineAt(text, at) };
  }
  const at = findUtf7(text);
  return at === null ? null : { name: 'UTF-7', line: lineAt(text, at) };
}

/** Most rows show at once that they have nothing of the kind. */
export const mayBeSevenBit = (text: string): boolean => /\u001b|~\{|\+[\d+/]*[A-Za-z]/.test(text);

export const howToConvert = (encoding: string): string =>
  `Convert it: iconv -f ${encoding} -t UTF-8 IN > OUT`;

/**
 * Letters that are no ASCII, as UTF-16 in base64. `+` also stands before phone numbers and inside of addresses. Some programs
 * leave out the `-` where no letter follows.
 */
const UTF7_RUN = /\+([A-Za-z0-9+/]{3,})(-|(?![A-Za-z0-9+/]))/g;

/** One of them may be chance, unless it is a letter of western Europe; without its `-` also one that is there often. */
function findUtf7(text: string): number | null {
  const found = new Map<string, number>();
  for (const match of text.matchAll(UTF7_RUN)) {
    const [whole, run = '', end] = match;
    const rest = text.slice(match.index, match.index + 100).split(/[\s,;|"]/, 1)[0] ?? '';
    if (!/[A-Za-z]/.test(run) || rest.includes('@') || !isUtf7(run)) continue;
    const isCertain = end === '-' && (/^A[M-P]/.test(run) || found.has(whole));
    if (isCertain || [...found.keys()].some((other) => other !== whole))
      return [...found.values()][0] ?? match.index;
    if (!found.has(whole)) found.set(whole, match.index);
  }
  return null;
}

function isUtf7(run: string): boolean {
  const bits = run.length * 6;
  // What is left of the last character is less than one, and zero.
  if (bits % 16 >= 6) return false;
  const bytes = Buffer.from(`${run}${'A'.repeat(3)}`, 'base64');
  const end = Math.floor(bits / 16) * 2;
  const units = Buffer.from(bytes.subarray(0, end)).swap16().toString('utf16le');
  const again = Buffer.from(units, 'utf16le').swap16().toString('base64').replace(/=+$/, '');
  return again === run && /^[\u0080-\u2fff]+$/u.test(units) && /\p{L}/u.test(units);
}

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/** Letters of Windows-1252 beyond ASCII, and the signs that people type. */
const TYPED = /[À-ÖØ-öø-ÿŒœŠšŽžŸƒ€‚„…‰‹›‘’“”•–—™ ¡£§©«®°·»¿´ºª]/u;

/**
 * Whether a text is plausible as Windows-1252: its letters stand alone or in pairs, in lower case after lower case, and hardly
 * any other signs occur. Cyrillic, Greek, Polish or Japanese text in its own encoding is not.
 * @param text decoded as Windows-1252
 */
export function isPlausible(text: string): boolean {
  const runs = text.match(/[^\0-\x7f]+/g) ?? [];
  const odd = runs.filter((run) => run.length > 2 || ![...run].every((each) => TYPED.test(each)));
  const misplaced = text.match(/[a-z][À-ÖØ-ÞŠŽŒŸ]|[A-Za-zÀ-ÿ][“„‘‚«ƒ…‰™•][A-Za-zÀ-ÿ]/gu) ?? [];
  return (odd.length + misplaced.length) * 10 <= runs.length;
}
