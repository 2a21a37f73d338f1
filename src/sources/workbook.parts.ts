/** What a workbook says about its sheets: their names, which parts they are, and how numbers are formatted. */
import { posix } from 'node:path';
import type { SourceLimits } from '../domain/source-limits.ts';
import { SourceError } from './errors.ts';
import type { Archive } from './workbook.archive.ts';
import {
  type Attributes,
  brokenWorkbook,
  localName,
  readXml,
  type XmlHandlers,
  type XmlOptions,
} from './workbook.xml.ts';

export interface Sheet {
  readonly name: string;
  readonly isHidden: boolean;
  /** null: it is not a table, but a chart or a dialog. */
  readonly part: string | null;
}

export interface WorkbookParts {
  readonly sheets: readonly Sheet[];
  /** Dates count from 1904-01-01 instead of 1900-01-01. */
  readonly is1904: boolean;
  /** null: the workbook has no such part. */
  readonly sharedStrings: string | null;
  /** For each style that a cell may have, the id of its number format. */
  readonly styles: readonly number[];
  /** The number formats that the workbook itself defines, by id. */
  readonly formats: ReadonlyMap<number, string>;
}

/** Excel itself has at most 65,490 styles. */
const MAX_ITEMS = 100_000;

/** Throws SourceError. */
export async function readParts(archive: Archive, limits: SourceLimits): Promise<WorkbookParts> {
  const read = (path: string, handlers: XmlHandlers) =>
    readXml(archive.read(path), xmlOptions(archive.name, path, limits), handlers);
  const main = await findMainPart(archive, read);
  const related = await readRelations(main, read);
  const { sheets, is1904 } = await readMainPart(archive, main, read, related);
  const byKind = (kind: string) => [...related.values()].find((each) => each.kind === kind)?.path ?? null;
  const styles = await readStyles(archive, byKind('styles'), read);
  return { sheets, is1904, sharedStrings: byKind('sharedStrings'), ...styles };
}

/** A value of a cell may be longer in XML than it is: `&#128512;` is one character. */
export function xmlOptions(name: string, part: string, { maxFieldCharacters }: SourceLimits): XmlOptions {
  return { place: `${name}: the part ${part}`, maxTokenCharacters: 1_000_000 + 10 * maxFieldCharacters };
}

type ReadPart = (path: string, handlers: XmlHandlers) => Promise<void>;

interface Relation {
  /** The end of its type, e.g. `worksheet`; the beginning differs between the two variants of the standard. */
  readonly kind: string;
  readonly path: string;
}

/** The parts that a part refers to, by relation id. `''` is the package itself. */
async function readRelations(part: string, read: ReadPart): Promise<ReadonlyMap<string, Relation>> {
  const relations = new Map<string, Relation>();
  const folder = posix.dirname(part);
  await read(posix.join(folder, '_rels', `${posix.basename(part)}.rels`), {
    open(element, { Id = '', Type = '', Target = '', TargetMode }) {
      if (element !== 'Relationship' || TargetMode === 'External' || relations.size > MAX_ITEMS) return;
      const path = posix.join(Target.startsWith('/') ? '' : folder, Target).replace(/^\//, '');
      relations.set(Id, { kind: Type.slice(Type.lastIndexOf('/') + 1), path });
    },
  });
  return relations;
}

async function findMainPart(archive: Archive, read: ReadPart): Promise<string> {
  if (!archive.has('_rels/.rels')) throw notAWorkbook(archive);
  const main = [...(await readRelations('', read)).values()].find(({ kind }) => kind === 'officeDocument');
  if (!main?.path.toLowerCase().endsWith('.xml') || archive.has('word/document.xml'))
    throw notAWorkbook(archive);
  return main.path;
}

const OTHER_ARCHIVES: readonly (readonly [string, string])[] = [
  ['xl/workbook.bin', 'a binary workbook (.xlsb). Save it as .xlsx first'],
  ['content.xml', 'an OpenDocument file. Save it as .xlsx or as "CSV UTF-8" first'],
  ['index/document.iwa', 'a Numbers workbook. Export it as .xlsx or as CSV first'],
  ['word/document.xml', 'a Word document. Put the rows into a workbook or a CSV file'],
];

function notAWorkbook(archive: Archive): SourceError {
  const [, what = 'another kind of archive. If the file is in it, unpack it and give the file'] =
    OTHER_ARCHIVES.find(([part]) => archive.has(part)) ?? [];
  return new SourceError('source_format_unknown', `${archive.name}: not an .xlsx workbook, but ${what}`);
}

async function readMainPart(
  archive: Archive,
  path: string,
  read: ReadPart,
  related: ReadonlyMap<string, Relation>,
): Promise<Pick<WorkbookParts, 'sheets' | 'is1904'>> {
  const sheets: Sheet[] = [];
  let is1904 = false;
  await read(path, {
    open(element, attributes) {
      if (element === 'workbookPr') is1904 = isTrue(attributes['date1904']);
      if (element !== 'sheet') return;
      const relation = related.get(relationId(attributes));
      const part = relation?.kind === 'worksheet' && archive.has(relation.path) ? relation.path : null;
      const { name = '', state = 'visible' } = attributes;
      sheets.push({ name, isHidden: state !== 'visible', part });
      if (sheets.length > MAX_ITEMS) throw brokenWorkbook(archive.name, 'it has too many sheets');
    },
  });
  if (sheets.length === 0) throw brokenWorkbook(archive.name, 'it has no sheet');
  return { sheets, is1904 };
}

/** `r:id`, whatever prefix the program chose. */
function relationId(attributes: Attributes): string {
  const key = Object.keys(attributes).find((each) => each.includes(':') && localName(each) === 'id');
  return key === undefined ? '' : (attributes[key] ?? '');
}

async function readStyles(
  archive: Archive,
  path: string | null,
  read: ReadPart,
): Promise<Pick<WorkbookParts, 'styles' | 'formats'>> {
  const styles: number[] = [];
  const formats = new Map<number, string>();
  if (path === null || !archive.has(path)) return { styles, formats };
  // `xf` and `numFmt` occur in other lists too, which say nothing about cells.
  const parents: string[] = [];
  await read(path, {
    open(element, { numFmtId = '0', formatCode = '' }) {
      const parent = parents.at(-1);
      parents.push(element);
      if (element === 'xf' && parent === 'cellXfs') styles.push(Number(numFmtId));
      if (element === 'numFmt' && parent === 'numFmts') formats.set(Number(numFmtId), formatCode);
      if (styles.length + formats.size > MAX_ITEMS)
        throw brokenWorkbook(archive.name, 'it has too many styles');
    },
    close: () => void parents.pop(),
  });
  return { styles, formats };
}

export function isTrue(attribute: string | undefined): boolean {
  return attribute === '1' || attribute === 'true';
}
