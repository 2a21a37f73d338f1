/**
 * Bytes to records: which bytes are one row, and on which line it begins. Works on bytes because the
 * delimiters are ASCII, so a wrong byte spoils its own row only.
 *
 * Our own and not csv-parse, which (7.0.3, `skip_records_with_error`) takes all rows up to the next quote for
 * one broken row, counts CRLF inside quotes as two lines, and makes U+FFFD of wrong UTF-8 without a word. It
 * is the oracle in the tests instead.
 */

export interface RawRecord {
  /** 1-based lines of the source where the row begins and ends. */
  readonly line: number;
  readonly lastLine: number;
  /** Without the line end; of a row that is too large only its beginning. */
  readonly bytes: Buffer;
  /** Has at least one quote. */
  readonly quoted: boolean;
  readonly problem: 'row_bad_quote' | 'row_too_large' | null;
}

export interface RecordSplitter {
  push(block: Buffer): readonly RawRecord[];
  /**
   * The last record, if the source does not end in a line end, or the line of a quote that was never closed.
   */
  end(): { readonly records: readonly RawRecord[]; readonly unclosedQuoteLine: number | null };
}

/** What is kept of a row that is too large, to show which it is. */
const KEPT_BYTES = 40_000;

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

// Classes of bytes, and states; the states' order is the order of TRANSITIONS.
const [OTHER, IS_QUOTE, IS_DELIMITER, IS_BLANK, IS_LINE_END] = [0, 1, 2, 3, 4];
const [CELL_START, LEADING_BLANK, PLAIN, QUOTED, AFTER_QUOTE, BAD] = [0, 1, 2, 3, 4, 5];
/**
 * RFC 4180, and a quote inside a cell that is not quoted is a character (5" pipe, 37°36'37.8"N): csv-spectrum has it
 * so. After blanks alone it is bad, for somebody meant a quoted cell. AFTER_QUOTE: the cell has ended, unless the next
 * byte is a quote too. BAD lasts to the end of the line.
 */
const TRANSITIONS = Uint8Array.of(
  ...[PLAIN, QUOTED, CELL_START, LEADING_BLANK],
  ...[PLAIN, BAD, CELL_START, LEADING_BLANK],
  ...[PLAIN, PLAIN, CELL_START, PLAIN],
  ...[QUOTED, AFTER_QUOTE, QUOTED, QUOTED],
  ...[BAD, QUOTED, CELL_START, BAD],
  ...[BAD, BAD, BAD, BAD],
);

/**
 * Line ends are LF, CRLF and CR, mixed too. Lines of white space only are skipped. A row with a bad quote
 * ends with the line of that quote: what follows is not swallowed, and what a quotation before it held does
 * not become rows of its own.
 * @param delimiter a byte; null: lines, in which quotes mean nothing (NDJSON)
 */
export function createRecordSplitter(options: {
  readonly delimiter: number | null;
  readonly maxBytes: number;
}): RecordSplitter {
  const classes = classesOf(options.delimiter);
  const held = createHolder(options.maxBytes);
  let state = CELL_START;
  let quoted = false;
  let line = 1;
  let firstLine = 1;
  let quoteLine = 1;
  let lastByte = 0;

  /** White space only, and none of it a delimiter: a TSV row of empty cells is a row, like one of commas. */
  const isBlank = (bytes: Buffer): boolean =>
    bytes.every((byte) => (byte === SPACE || byte === TAB) && classes[byte] !== IS_DELIMITER);

  const take = (rest: Buffer): RawRecord => {
    const { bytes, tooLarge } = held.take(rest);
    const problem = state === BAD ? 'row_bad_quote' : tooLarge ? 'row_too_large' : null;
    const record: RawRecord = { line: firstLine, lastLine: line, bytes, quoted, problem };
    state = CELL_START;
    quoted = false;
    return record;
  };

  return {
    push(block) {
      const records: RawRecord[] = [];
      let start = 0;
      for (let at = 0; at < block.length; at += 1) {
        const byte = block[at] as number;
        const kind = classes[byte] as number;
        if (kind !== IS_LINE_END) {
          if (kind === IS_QUOTE) {
            quoted = true;
            if (state === CELL_START) quoteLine = line;
          }
          state = TRANSITIONS[state * 4 + kind] as number;
          continue;
        }
        const secondOfCrLf = byte === LF && (at > 0 ? block[at - 1] : lastByte) === CR;
        if (state !== QUOTED) {
          const record = secondOfCrLf ? null : take(block.subarray(start, at));
          if (record && !isBlank(record.bytes)) records.push(record);
          start = at + 1;
        }
        if (!secondOfCrLf) line += 1;
        if (state !== QUOTED) firstLine = line;
      }
      lastByte = block[block.length - 1] ?? lastByte;
      held.keep(block.subarray(start));
      return records;
    },
    end() {
      if (state === QUOTED) return { records: [], unclosedQuoteLine: quoteLine };
      const record = take(Buffer.alloc(0));
      return { records: isBlank(record.bytes) ? [] : [record], unclosedQuoteLine: null };
    },
  };
}

function classesOf(delimiter: number | null): Uint8Array {
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

/** The part of a row that earlier blocks had, never more than `maxBytes` and a block. */
export function createHolder(maxBytes: number) {
  let parts: Buffer[] = [];
  let size = 0;
  return {
    keep(part: Buffer): void {
      if (part.length === 0) return;
      size += part.length;
      if (size <= maxBytes) parts.push(part);
      else if (size - part.length <= maxBytes)
        parts = [Buffer.concat([...parts, part]).subarray(0, KEPT_BYTES)];
    },
    take(rest: Buffer): { bytes: Buffer; tooLarge: boolean } {
      const tooLarge = size + rest.length > maxBytes;
      const bytes = parts.length === 0 ? rest : Buffer.concat([...parts, rest]);
      parts = [];
      size = 0;
      return { bytes: tooLarge ? bytes.subarray(0, KEPT_BYTES) : bytes, tooLarge };
    },
  };
}
