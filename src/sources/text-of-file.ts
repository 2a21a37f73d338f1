/** The text of a file, whatever its format: what is kept in the ledger, hashed, and read as rows (open.ts). */
import type { SourceLimits } from '../domain/source-limits.ts';
import { decodeSource } from './decode.ts';
import type { SourceEncoding } from './encodings.ts';
import { SourceError } from './errors.ts';
import { openFile, readFileBytes } from './files.ts';
import type { SourceFormat } from './format.ts';
import type { SheetFacts } from './workbook.ts';

export interface TextOptions {
  /** For messages. */
  readonly name: string;
  readonly format: SourceFormat;
  /** Default: that of the byte order mark, else UTF-8. Not for workbooks, which contain it. */
  readonly encoding?: SourceEncoding | undefined;
  /** Only for workbooks: name or number of the sheet. Default: the only visible one with cells. */
  readonly sheet?: string | undefined;
  readonly limits: SourceLimits;
  /** false: the path is resolved already, so it must not be a symbolic link by now. */
  readonly followLinks?: boolean;
}

export interface FileText {
  readonly encoding: SourceEncoding;
  /** null: the file is not a workbook. */
  readonly sheet: SheetFacts | null;
  /** UTF-8, readable once. Throws SourceError. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
  /** Releases the file. Only needed if it is not read to the end. */
  readonly close: () => Promise<void>;
}

/** Reads the beginning of the file. Throws SourceError. */
export async function openFileText(path: string, options: TextOptions): Promise<FileText> {
  const { name, format, encoding, sheet, followLinks = true } = options;
  if (format === 'xlsx') return openWorkbookText(path, options);
  if (sheet !== undefined) {
    const what = `${name}: it is read as ${format}, which has no sheets`;
    throw new SourceError('source_sheet', `${what}. Leave out --sheet (in an input: "sheet")`);
  }
  return {
    ...(await decodeSource(readFileBytes(path, { name, followLinks }), { name, encoding })),
    sheet: null,
  };
}

async function openWorkbookText(path: string, options: TextOptions): Promise<FileText> {
  const { name, encoding, followLinks = true } = options;
  if (encoding !== undefined) {
    const what = `${name}: a workbook contains its encoding`;
    throw new SourceError('source_encoding', `${what}. Leave out --encoding (in an input: "encoding")`);
  }
  // Its libraries are loaded only by those who need them.
  const { openSheet } = await import('./workbook.ts');
  const file = await openFile(path, { name, followLinks });
  try {
    const { facts, text } = await openSheet(file, options);
    async function* bytes(): AsyncGenerator<Buffer, void, undefined> {
      try {
        yield* text;
      } finally {
        await file.close();
      }
    }
    const opened = bytes();
    const close = async () => {
      await opened.return();
      await text.return();
      await file.close();
    };
    return { encoding: 'utf-8', sheet: facts, bytes: opened, close };
  } catch (error) {
    await file.close();
    throw error;
  }
}
