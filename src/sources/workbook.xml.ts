/** Reads one part of a workbook, an XML document, as a stream of elements and texts. */
import { SaxesParser } from 'saxes';
import { SourceError } from './errors.ts';

export type Attributes = Readonly<Record<string, string>>;

/** Names of elements come without their prefix: some programs write `x:row`, others `row`. */
export interface XmlHandlers {
  open(element: string, attributes: Attributes): void;
  close?(element: string): void;
  /** Called once for the text between two tags. */
  text?(text: string): void;
}

export interface XmlOptions {
  /** `FILE: the part xl/workbook.xml`, for messages. */
  readonly place: string;
  /** The longest text, tag or comment. The parser keeps it until it ends. */
  readonly maxTokenCharacters: number;
}

/** Parts of workbooks have less than ten levels. */
const MAX_DEPTH = 100;

export class XmlReader {
  readonly #parser = new SaxesParser({ xmlns: false, position: false });
  readonly #options: XmlOptions;
  #depth = 0;
  #written = 0;
  /** How much was written when the parser last found the end of something. */
  #ended = 0;

  constructor(options: XmlOptions, handlers: XmlHandlers) {
    this.#options = options;
    const parser = this.#parser;
    const note = () => {
      this.#ended = this.#written;
    };
    parser.on('opentag', (tag) => {
      note();
      this.#depth += 1;
      if (this.#depth > MAX_DEPTH) throw this.#broken(`its elements are nested more than ${MAX_DEPTH} deep`);
      handlers.open(localName(tag.name), tag.attributes);
    });
    parser.on('closetag', (tag) => {
      note();
      this.#depth -= 1;
      handlers.close?.(localName(tag.name));
    });
    parser.on('text', (text) => {
      note();
      handlers.text?.(text);
    });
    parser.on('cdata', (text) => {
      note();
      handlers.text?.(text);
    });
    parser.on('comment', note);
    parser.on('processinginstruction', note);
    // A DTD could define entities that expand to anything. The parser knows none but the five of XML.
    parser.on('doctype', () => {
      throw this.#broken('it has a document type definition, which no program writes into a workbook');
    });
    parser.on('xmldecl', ({ encoding = 'utf-8' }) => {
      if (!/^utf-(?:8|16)$/i.test(encoding)) throw this.#broken('it is neither in UTF-8 nor in UTF-16');
    });
    // Without the parser's own message, which may quote the text.
    parser.on('error', () => {
      throw this.#broken('it is not well-formed XML');
    });
  }

  /** Throws SourceError. */
  write(text: string): void {
    this.#written += text.length;
    this.#parser.write(text);
    const { maxTokenCharacters } = this.#options;
    if (this.#written - this.#ended > maxTokenCharacters)
      throw this.#broken(`it has a text or a tag of more than ${maxTokenCharacters} characters`);
  }

  /** Throws SourceError if the document is not complete. */
  end(): void {
    this.#parser.close();
  }

  #broken(what: string): SourceError {
    return brokenWorkbook(this.#options.place, what);
  }
}

/** Reads a whole part. Throws SourceError. */
export async function readXml(
  chunks: AsyncIterable<string>,
  options: XmlOptions,
  handlers: XmlHandlers,
): Promise<void> {
  const reader = new XmlReader(options, handlers);
  for await (const chunk of chunks) reader.write(chunk);
  reader.end();
}

/** @param place `FILE: the part xl/workbook.xml` */
export function brokenWorkbook(place: string, what: string): SourceError {
  const advice = 'Open the workbook in a spreadsheet program, save it again as .xlsx, and check its rows';
  return new SourceError('source_broken_workbook', `${place} cannot be read: ${what}. ${advice}`);
}

export function localName(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(colon + 1);
}
