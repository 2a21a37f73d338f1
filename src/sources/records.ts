/**
 * Splits bytes into records: which bytes are one row, and on which line it begins. Works on bytes because all delimiters
 * are ASCII, so that an invalid byte only affects its own row.
 *
 * A reader of our own, because csv-parse (7.0.3, `skip_records_with_error`) treats all rows up to the next quote as one
 * broken row, counts a CRLF inside quotes as two lines, and replaces invalid UTF-8 by U+FFFD silently
 * (docs/adr/0006-rows-of-csv.md). The tests compare the two.
 */
import { RowBuffer } from './row-buffer.ts';

export interface RawRecord {
  /** 1-based lines of the source where the row begins and ends. */
  readonly line: number;
  readonly lastLine: number;
  /** Without the line end. Only the beginning of a row that is too large. */
  readonly bytes: Buffer;
  /** Contains at least one quote. */
  readonly quoted: boolean;
  readonly problem: 'row_bad_quote' | 'row_too_large' | null;
}

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

// Classes of bytes and states of the parser. The states are in the order of TRANSITIONS.
const [OTHER, IS_QUOTE, IS_DELIMITER, IS_BLANK, IS_LINE_END] = [0, 1, 2, 3, 4];
const [CELL_START, LEADING_BLANK, PLAIN, QUOTED, AFTER_QUOTE, BAD] = [0, 1, 2, 3, 4, 5];
/**
 * RFC 4180, except that a quote inside an unquoted cell is an ordinary character (5" pipe, 37°36'37.8"N), as in
 * csv-spectrum. A quote after nothing but blanks is bad, because it was meant to begin a quoted cell. In AFTER_QUOTE the
 * cell has ended unless the next byte is a quote too. BAD lasts until the end of the line.
 */
const TRANSITIONS = Uint8Array.of(
  ...[PLAIN, QUOTED, CELL_START, LEADING_BLANK],
  ...[PLAIN, BAD, CELL_START, LEADING_BLANK],
  ...[PLAIN, PLAIN, CELL_START, PLAIN],
  ...[QUOTED, AFTER_QUOTE, QUOTED, QUOTED],
  ...[BAD, QUOTED, CELL_START, BAD],
  ...[BAD, BAD, BAD, BAD],
);

export interface RecordSplitterOptions {
  /** A byte. null: every line is a record and quotes mean nothing (NDJSON). */
  readonly delimiter: number | null;
  readonly maxBytes: number;
  /** Default: a line end. */
  readonly loneCr?: LoneCr;
}

/**
 * What a CR without LF is. Where lines end with LF, people's texts have it inside of a cell, which would be cut there. Where
 * they end with CRLF, it still ends the line right after a quoted cell, where no text can be.
 */
export type LoneCr = 'line end' | 'text' | 'text unless quoted';

/**
 * Line ends are LF, CRLF or CR, also mixed, as far as `loneCr` says so. Lines of white space are skipped. A row with a bad quote ends with the line of
 * that quote, so that it does not swallow the rows after it, and the lines of an earlier quoted cell do not become rows.
 */
export class RecordSplitter {
  readonly #classes: Uint8Array;
  readonly #pending: RowBuffer;
  readonly #loneCr: LoneCr;
  #state = CELL_START;
  #isQuoted = false;
  #line = 1;
  #firstLine = 1;
  #quoteLine = 1;
  #lastByte = 0;
  #heldCr = false;

  constructor({ delimiter, maxBytes, loneCr = 'line end' }: RecordSplitterOptions) {
    this.#loneCr = loneCr;
    this.#classes = classifyBytes(delimiter);
    this.#pending = new RowBuffer(maxBytes);
  }

  /** The records that end in this block. */
  push(given: Buffer): readonly RawRecord[] {
    const block = this.#takeBlock(given);
    const records: RawRecord[] = [];
    const classes = this.#classes;
    let state = this.#state;
    let start = 0;
    for (let at = 0; at < block.length; at += 1) {
      const byte = block[at] as number;
      const byteClass = classes[byte] as number;
      if (byteClass !== IS_LINE_END) {
        if (byteClass === IS_QUOTE) this.#noteQuote(state);
        state = TRANSITIONS[state * 4 + byteClass] as number;
        continue;
      }
      if (byte === CR && state !== QUOTED && this.#isText(state, block[at + 1])) {
        state = TRANSITIONS[state * 4 + OTHER] as number;
        this.#line += 1;
        continue;
      }
      const isSecondOfCrLf = byte === LF && (at > 0 ? block[at - 1] : this.#lastByte) === CR;
      if (state === QUOTED) {
        if (!isSecondOfCrLf) this.#line += 1;
        continue;
      }
      if (!isSecondOfCrLf) {
        const record = this.#takeRecord(block.subarray(start, at), state);
        if (!this.#isBlank(record.bytes)) records.push(record);
        this.#line += 1;
      }
      state = CELL_START;
      start = at + 1;
      this.#firstLine = this.#line;
    }
    this.#state = state;
    this.#lastByte = block[block.length - 1] ?? this.#lastByte;
    this.#pending.add(block.subarray(start));
    return records;
  }

  /** The last record if the source does not end with a line end, or the line of a quote that was never closed. */
  end(): { readonly records: readonly RawRecord[]; readonly unclosedQuoteLine: number | null } {
    if (this.#state === QUOTED) return { records: [], unclosedQuoteLine: this.#quoteLine };
    const record = this.#takeRecord(Buffer.alloc(0), this.#state);
    return { records: this.#isBlank(record.bytes) ? [] : [record], unclosedQuoteLine: null };
  }

  /** Without a CR at its end, which waits for the byte that follows it. At the end of the source it ends the line. */
  #takeBlock(given: Buffer): Buffer {
    if (this.#loneCr === 'line end') return given;
    const block = this.#heldCr ? Buffer.concat([Buffer.of(CR), given]) : given;
    this.#heldCr = block.at(-1) === CR;
    return this.#heldCr ? block.subarray(0, -1) : block;
  }

  /** Whether a CR is part of a cell. `CR CR LF`, as some programs write it, is a line end. */
  #isText(state: number, next: number | undefined): boolean {
    if (this.#loneCr === 'line end' || next === LF || next === CR) return false;
    return this.#loneCr === 'text' || state !== AFTER_QUOTE;
  }

  #noteQuote(state: number): void {
    this.#isQuoted = true;
    if (state === CELL_START) this.#quoteLine = this.#line;
  }

  #takeRecord(rest: Buffer, state: number): RawRecord {
    const { bytes, isTooLarge } = this.#pending.take(rest);
    const problem = state === BAD ? 'row_bad_quote' : isTooLarge ? 'row_too_large' : null;
    const quoted = this.#isQuoted;
    this.#isQuoted = false;
    return { line: this.#firstLine, lastLine: this.#line, bytes, quoted, problem };
  }

  /** White space without a delimiter. In TSV a row of empty cells is a row, as it is in CSV. */
  #isBlank(bytes: Buffer): boolean {
    return bytes.every((byte) => (byte === SPACE || byte === TAB) && this.#classes[byte] !== IS_DELIMITER);
  }
}

function classifyBytes(delimiter: number | null): Uint8Array {
  const classes = new Uint8Array(256).fill(OTHER);
  classes[LF] = IS_LINE_END;
  classes[CR] = IS_LINE_END;
  if (delimiter === null) return classes;
  classes[QUOTE] = IS_QUOTE;
  classes[SPACE] = IS_BLANK;
  classes[TAB] = IS_BLANK;
  classes[delimiter] = IS_DELIMITER;
  return classes;
}
