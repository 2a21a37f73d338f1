/**
 * Reads an answer with suppressions while it arrives: a bare array of entries, or a page `{results: [...], next}`. Nothing of
 * it is kept, because a list may have a million entries.
 */
import { Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import { parseNumber } from './json.ts';
import { SUPPRESSION_ENTRY, type SuppressionEntry } from './lists.wire.ts';

/** Far more than an entry has: what is longer than this without one is no list of suppressions. */
const MAX_BYTES_WITHOUT_ENTRY = 1024 * 1024;

export interface SuppressionReader {
  /** The entries that end in this part. */
  push(part: Buffer): readonly SuppressionEntry[];
  /** The beginning of a list has arrived. */
  readonly isList: boolean;
  /** It is not JSON from some point on: nothing more can be read. */
  readonly isBroken: boolean;
  /** Its end has arrived, too. */
  readonly isComplete: boolean;
  /** The cursor of the next page. */
  readonly next: string | null;
}

type Token = Parameters<TokenParser['write']>[0];

export function createSuppressionReader(): SuppressionReader {
  const tokenizer = new ExactTokenizer();
  const shape = new Shape();
  let parser: TokenParser | null = null;
  let entries: SuppressionEntry[] = [];
  let [bytesWithoutEntry, isBroken, next]: [number, boolean, string | null] = [0, false, null];

  function createParser(first: TokenType): TokenParser {
    const paths = first === TokenType.LEFT_BRACE ? ['$.results.*', '$.next'] : ['$.*'];
    const created = new TokenParser({ paths, keepStack: false });
    created.onValue = ({ value, parent }) => {
      if (Array.isArray(parent)) entries.push(SUPPRESSION_ENTRY.parse(value));
      else next = readCursor(value);
    };
    return created;
  }
  tokenizer.onToken = (token) => {
    shape.pass(token);
    parser ??= createParser(token.token);
    parser.write(token);
  };
  return {
    push(part) {
      entries = [];
      try {
        if (!isBroken) tokenizer.write(part);
      } catch {
        // The parser's message may quote an entry.
        isBroken = true;
      }
      bytesWithoutEntry = entries.length > 0 ? 0 : bytesWithoutEntry + part.length;
      isBroken ||= bytesWithoutEntry > MAX_BYTES_WITHOUT_ENTRY;
      return entries;
    },
    get isList() {
      return shape.isList;
    },
    get isBroken() {
      return isBroken;
    },
    get isComplete() {
      return !isBroken && parser?.isEnded === true;
    },
    get next() {
      return next;
    },
  };
}

/** Whole numbers keep all their digits, since they may be ids. */
class ExactTokenizer extends Tokenizer {
  protected override parseNumber(text: string): number {
    return parseNumber(text) as number;
  }
}

/** Follows the tokens, because the parser does not report an empty list inside of an object. */
class Shape {
  isList = false;
  #depth = 0;
  #lastText: unknown = null;

  pass({ token, value }: Token): void {
    if (token === TokenType.LEFT_BRACKET)
      this.isList ||= this.#depth === 0 || (this.#depth === 1 && this.#lastText === 'results');
    if (token === TokenType.LEFT_BRACKET || token === TokenType.LEFT_BRACE) this.#depth += 1;
    else if (token === TokenType.RIGHT_BRACKET || token === TokenType.RIGHT_BRACE) this.#depth -= 1;
    else if (token === TokenType.STRING && this.#depth === 1) this.#lastText = value;
  }
}

/** Throws for what is no cursor: what follows would be missing. */
function readCursor(value: unknown): string | null {
  if (value === null || value === '') return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return String(value);
  throw new Error('not a cursor');
}
