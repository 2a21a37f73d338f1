/**
 * Splits a JSON array into the texts of its elements, which lie between the commas of the array. A broken element does not
 * affect the others, and none stays in memory. A splitter of our own, because streaming parsers stop at the first
 * error (docs/adr/0006-rows-of-csv.md); JSON.parse reads each element afterwards.
 */
import { SourceError } from './errors.ts';
import type { RawRecord } from './records.ts';
import { RowBuffer } from './row-buffer.ts';

/** `[ …`, or `{"records": [ …`, the body that CXone's own API expects. */
const BEGINNING = /^\s*(\{\s*"records"\s*:\s*)?\[/;
/** How deep brackets are matched. A row that is much less deep than this is refused when it is read. */
const MAX_DEPTH = 10_000;

const [LF, CR, SPACE, TAB] = [0x0a, 0x0d, 0x20, 0x09];
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Creates the error for a source in which elements cannot be told apart any more. */
type CreateError = (what: string, line?: number) => SourceError;

export class JsonSplitter {
  readonly #pending: RowBuffer;
  readonly #brackets: Brackets;
  readonly #tail: Tail;
  readonly #createError: CreateError;
  /** Bytes before the first element that are still to be skipped. */
  #skip: number;
  #line = 1;
  /** Where the current element begins; 0 as long as only white space has come. */
  #firstLine = 0;
  #elements = 0;
  #isInText = false;
  #isEscaped = false;
  #lastByte = 0;

  /** @param first the beginning of the source, without a byte order mark; it still has to be pushed */
  constructor(name: string, first: Buffer, maxBytes: number) {
    const [beginning, wrapper] = BEGINNING.exec(first.toString('latin1')) ?? [];
    if (beginning === undefined) throw notAnArray(name, first);
    this.#skip = beginning.length;
    this.#createError = (what, line = this.#line) => brokenJson(name, what, line);
    this.#pending = new RowBuffer(maxBytes);
    this.#brackets = new Brackets(this.#createError);
    this.#tail = new Tail(wrapper !== undefined, this.#createError);
  }

  /** The elements that end in this block. Throws SourceError `source_broken_json`. */
  push(block: Buffer): readonly RawRecord[] {
    const records: RawRecord[] = [];
    let start = this.#skip;
    for (let at = 0; at < block.length; at += 1) {
      const byte = block[at] as number;
      if (byte === LF || byte === CR) {
        if (byte === CR || (at > 0 ? block[at - 1] : this.#lastByte) !== CR) this.#line += 1;
      } else if (at < this.#skip || byte === SPACE || byte === TAB) {
        this.#isEscaped = false;
      } else if (this.#isElementEnd(byte)) {
        const record = this.#endElement(byte, block.subarray(start, at));
        if (record) records.push(record);
        start = at + 1;
      } else {
        this.#pass(byte);
      }
    }
    this.#skip = 0;
    this.#lastByte = block[block.length - 1] ?? this.#lastByte;
    if (!this.#tail.hasBegun) this.#pending.add(block.subarray(start));
    return records;
  }

  /** Throws SourceError `source_broken_json` if the array or its wrapper was never closed. */
  end(): void {
    const isOpen = this.#isInText || !this.#brackets.areClosed;
    if (!this.#tail.hasBegun && this.#firstLine > 0 && isOpen) {
      const what = this.#isInText ? 'a text in the element that begins here' : 'the element that begins here';
      const cause = 'a quote or bracket is missing, or the file was cut off';
      throw this.#createError(`${what} is never closed; ${cause}`, this.#firstLine);
    }
    this.#tail.end();
  }

  #isElementEnd(byte: number): boolean {
    if (byte !== COMMA && byte !== CLOSE_LIST) return false;
    return !this.#isInText && this.#brackets.areClosed && !this.#tail.hasBegun;
  }

  /** null: the array is empty. */
  #endElement(byte: number, rest: Buffer): RawRecord | null {
    const isEmptyArray = byte === CLOSE_LIST && this.#elements === 0 && this.#firstLine === 0;
    const { bytes, isTooLarge } = this.#pending.take(rest);
    const line = this.#firstLine || this.#line;
    this.#firstLine = 0;
    this.#elements += 1;
    if (byte === CLOSE_LIST) this.#tail.begin();
    if (isEmptyArray) return null;
    const problem = isTooLarge ? 'row_too_large' : null;
    return { line, lastLine: this.#line, bytes: trimBlanks(bytes), quoted: false, problem };
  }

  #pass(byte: number): void {
    if (this.#tail.hasBegun) {
      this.#tail.pass(byte);
    } else if (this.#isInText) {
      if (byte === QUOTE && !this.#isEscaped) this.#isInText = false;
      this.#isEscaped = byte === BACKSLASH && !this.#isEscaped;
    } else {
      this.#firstLine ||= this.#line;
      if (byte === QUOTE) this.#isInText = true;
      else this.#brackets.pass(byte);
    }
  }
}

/** The open brackets of the current element. */
class Brackets {
  readonly #expected = new Uint8Array(MAX_DEPTH);
  readonly #createError: CreateError;
  #depth = 0;

  constructor(createError: CreateError) {
    this.#createError = createError;
  }

  get areClosed(): boolean {
    return this.#depth === 0;
  }

  pass(byte: number): void {
    if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (this.#depth === MAX_DEPTH) throw this.#createError(`more than ${MAX_DEPTH} brackets are open`);
      this.#expected[this.#depth] = byte === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT;
      this.#depth += 1;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      if (this.#depth === 0 || byte !== this.#expected[this.#depth - 1])
        throw this.#createError(`a "${String.fromCharCode(byte)}" that closes nothing`);
      this.#depth -= 1;
    }
  }
}

/** What follows the array: white space, and the end of the object around it if there is one. */
class Tail {
  readonly #isWrapped: boolean;
  readonly #createError: CreateError;
  #state: 'not yet' | 'wrapper open' | 'closed' = 'not yet';

  constructor(isWrapped: boolean, createError: CreateError) {
    this.#isWrapped = isWrapped;
    this.#createError = createError;
  }

  get hasBegun(): boolean {
    return this.#state !== 'not yet';
  }

  begin(): void {
    this.#state = this.#isWrapped ? 'wrapper open' : 'closed';
  }

  pass(byte: number): void {
    if (this.#state === 'closed') throw this.#createError('there is text after the end of the array');
    if (byte !== CLOSE_OBJECT) throw this.#createError('the object has something besides "records"');
    this.#state = 'closed';
  }

  end(): void {
    if (this.#state === 'not yet') throw this.#createError('the array is never closed: the file was cut off');
    if (this.#state !== 'closed') throw this.#createError('the object around "records" is never closed');
  }
}

function trimBlanks(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length];
  while (start < end && isBlank(bytes[start])) start += 1;
  while (end > start && isBlank(bytes[end - 1])) end -= 1;
  return bytes.subarray(start, end);
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}

function brokenJson(name: string, what: string, line: number): SourceError {
  const advice = 'Check the file there, or export it again: a JSON source is one array of objects';
  return new SourceError('source_broken_json', `${name}: line ${line}: ${what}. ${advice}`, { line });
}

function notAnArray(name: string, first: Buffer): SourceError {
  const what = `${name}: this is not a JSON array of objects`;
  const advice = first.toString('utf8').trimStart().startsWith('{')
    ? 'If each line is an object, it is NDJSON: use --format ndjson. If the rows are inside of an object, extract ' +
      'them: jq ".contacts" IN > OUT'
    : 'Give an array, or {"records": […]}; for CSV or NDJSON use --format csv or --format ndjson';
  return new SourceError('source_format_unknown', `${what}. ${advice}`);
}
