/**
 * A JSON array, split into its elements: the text of one is what lies between two commas of the array, so that one
 * that is wrong spoils itself only, and none is in memory longer than it is read. Our own and not a streaming
 * parser, which ends at the first wrong character (docs/adr/0006); JSON.parse reads each element.
 */
import { SourceError } from './errors.ts';
import { createHolder, type RawRecord } from './records.ts';

export interface JsonSplitter {
  /** Throws SourceError `source_broken_json` where no element can be told from the next one any more. */
  push(block: Buffer): readonly RawRecord[];
  /** Throws it too if the array was never closed. */
  end(): void;
}

/** `[ …`, or `{"records": [ …`, the body that CXone's own API takes. */
const BEGINNING = /^\s*(\{\s*"records"\s*:\s*)?\[/;
/** So many brackets are told apart; a row that is much less deep is refused later. */
const MAX_DEPTH = 10_000;

const [LF, CR, SPACE, TAB] = [0x0a, 0x0d, 0x20, 0x09];
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

type Broken = (what: string, at?: number) => SourceError;

/** @param first the beginning of the source, without a byte order mark; it is pushed too */
export function createJsonSplitter(name: string, first: Buffer, maxBytes: number): JsonSplitter {
  const [beginning, wrapper] = BEGINNING.exec(first.toString('latin1')) ?? [];
  if (beginning === undefined) throw notAnArray(name, first);
  let line = 1;
  const broken: Broken = (what, at = line) => {
    const advice = 'Check the file there, or export it again: a JSON source is one array of objects';
    return new SourceError('source_broken_json', `${name}: line ${at}: ${what}. ${advice}`, { line: at });
  };
  const held = createHolder(maxBytes);
  const brackets = createBrackets(broken);
  const tail = createTail(wrapper !== undefined, broken);
  /** Bytes before the first element, to be passed over. */
  let skip = beginning.length;
  /** Where the element begins; 0 while only white space has come. */
  let firstLine = 0;
  let elements = 0;
  let [inText, escaped] = [false, false];
  let lastByte = 0;

  const take = (rest: Buffer): RawRecord => {
    const { bytes, tooLarge } = held.take(rest);
    const problem = tooLarge ? 'row_too_large' : null;
    const record = { line: firstLine || line, lastLine: line, bytes: trimmed(bytes), quoted: false, problem };
    firstLine = 0;
    elements += 1;
    return record as RawRecord;
  };

  return {
    push(block) {
      const records: RawRecord[] = [];
      let start = skip;
      for (let at = 0; at < block.length; at += 1) {
        const byte = block[at] as number;
        if (byte === LF || byte === CR) {
          if (byte === CR || (at > 0 ? block[at - 1] : lastByte) !== CR) line += 1;
        } else if (at < skip || byte === SPACE || byte === TAB) {
          escaped = false;
        } else if (tail.hasBegun()) {
          tail.pass(byte);
        } else if (inText) {
          if (byte === QUOTE && !escaped) inText = false;
          escaped = byte === BACKSLASH && !escaped;
        } else if (brackets.areClosed() && (byte === COMMA || byte === CLOSE_LIST)) {
          const isEmptyArray = byte === CLOSE_LIST && elements === 0 && firstLine === 0;
          const record = take(block.subarray(start, at));
          if (!isEmptyArray) records.push(record);
          start = at + 1;
          if (byte === CLOSE_LIST) tail.begin();
        } else {
          firstLine ||= line;
          if (byte === QUOTE) inText = true;
          else brackets.pass(byte);
        }
      }
      skip = 0;
      lastByte = block[block.length - 1] ?? lastByte;
      if (!tail.hasBegun()) held.keep(block.subarray(start));
      return records;
    },
    end() {
      if (!tail.hasBegun() && firstLine > 0 && (inText || !brackets.areClosed())) {
        const what = inText ? 'a text in the element that begins here' : 'the element that begins here';
        throw broken(
          `${what} is never closed; a quote or bracket is missing, or the file was cut off`,
          firstLine,
        );
      }
      tail.end();
    },
  };
}

/** Those inside of an element. */
function createBrackets(broken: Broken) {
  const wanted = new Uint8Array(MAX_DEPTH);
  let depth = 0;
  return {
    areClosed: () => depth === 0,
    pass(byte: number): void {
      if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
        if (depth === MAX_DEPTH) throw broken(`more than ${MAX_DEPTH} brackets are open`);
        wanted[depth] = byte === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT;
        depth += 1;
      } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
        if (depth === 0 || byte !== wanted[depth - 1])
          throw broken(`a "${String.fromCharCode(byte)}" that closes nothing`);
        depth -= 1;
      }
    },
  };
}

/** What comes after the array: white space, and the end of the object that holds it. */
function createTail(isWrapped: boolean, broken: Broken) {
  let state: 'not yet' | 'wrapper open' | 'closed' = 'not yet';
  return {
    hasBegun: () => state !== 'not yet',
    begin: () => void (state = isWrapped ? 'wrapper open' : 'closed'),
    pass(byte: number): void {
      if (state === 'closed') throw broken('there is text after the end of the array');
      if (byte !== CLOSE_OBJECT) throw broken('there is something beside "records"');
      state = 'closed';
    },
    end(): void {
      if (state === 'not yet') throw broken('the array is never closed: the file was cut off');
      if (state !== 'closed') throw broken('the object that holds "records" is never closed');
    },
  };
}

function trimmed(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length];
  while (start < end && isBlank(bytes[start])) start += 1;
  while (end > start && isBlank(bytes[end - 1])) end -= 1;
  return bytes.subarray(start, end);
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}

function notAnArray(name: string, first: Buffer): SourceError {
  const what = `${name}: this is not a JSON array of objects`;
  const advice = first.toString('utf8').trimStart().startsWith('{')
    ? 'If each line is an object, it is NDJSON: say --format ndjson. If the rows are inside of an object, ' +
      'take them out: jq ".contacts" IN > OUT'
    : 'Give an array, or {"records": […]}; of CSV or NDJSON say so: --format csv, --format ndjson';
  return new SourceError('source_format_unknown', `${what}. ${advice}`);
}
