/** What the cells of a workbook show, as texts (docs/adr/0026-workbooks.md#what-a-cell-shows). */
import type { SourceLimits } from '../domain/source-limits.ts';
import { readEscapes } from '../domain/workbook-text.ts';
import type { Archive } from './workbook.archive.ts';
import { createShowNumber, type Damage, type ShowNumber, type Shown } from './workbook.formats.ts';
import { type WorkbookParts, xmlOptions } from './workbook.parts.ts';
import { type StoredCell, trimXml } from './workbook.rows.ts';
import { SharedStrings } from './workbook.strings.ts';
import { readXml } from './workbook.xml.ts';

/** `''`: the cell is blank. */
export type ShowCell = (cell: StoredCell) => Shown;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** A date of the variant of the standard that stores dates as texts. */
const STORED_DATE = /^(\d{4}-\d{2}-\d{2})?(?:T?(\d{2}:\d{2}:\d{2})(?:\.\d+)?)?Z?$/;
const ERROR = /^#[A-Z0-9/_?!]{2,20}$/;

export function createShowCell(parts: WorkbookParts, strings: SharedStrings): ShowCell {
  const numbers = new Map<number, ShowNumber>();
  const showNumber = (style: number): ShowNumber => {
    const known = numbers.get(style);
    if (known) return known;
    const format = parts.styles[style] ?? 0;
    const created = createShowNumber(format, parts.formats.get(format), parts.is1904);
    numbers.set(style, created);
    return created;
  };
  return (cell) => {
    const { type, value, style, hasFormula } = cell;
    // The result of a formula may be an empty text, but there is no empty number.
    if (value === null || (value === '' && type !== 'str' && type !== 'inlineStr'))
      return hasFormula && type !== 'str' ? NOT_CALCULATED : '';
    switch (type) {
      case 's':
        return strings.get(Number(value)) ?? unreadable(value);
      case 'str':
      case 'inlineStr':
        return readEscapes(value);
      case 'b':
        return showBoolean(value.trim());
      case 'e':
        return errorOf(value);
      case 'd':
        return showStoredDate(value.trim());
      default:
        return NUMBER.test(value.trim()) ? showNumber(style)(Number(value)) : unreadable(value);
    }
  };
}

/** Reads the texts that cells share. Whoever calls this has to close them. Throws SourceError. */
export async function readSharedStrings(
  archive: Archive,
  part: string | null,
  limits: SourceLimits,
): Promise<SharedStrings> {
  const strings = new SharedStrings();
  if (part === null || !archive.has(part)) return strings;
  const { maxFieldCharacters } = limits;
  let [text, isText, isPreserved, isPhonetic] = ['', false, false, false];
  const handlers = {
    open(element: string, attributes: Readonly<Record<string, string>>) {
      if (element === 'si') text = '';
      if (element === 'rPh') isPhonetic = true;
      isText = element === 't' && !isPhonetic;
      isPreserved = attributes['xml:space'] === 'preserve';
    },
    text(given: string) {
      // One that is too long is kept only as far as it shows that.
      if (isText && text.length <= maxFieldCharacters) text += isPreserved ? given : trimXml(given);
    },
    close(element: string) {
      isText = false;
      if (element === 'rPh') isPhonetic = false;
      if (element === 'si') strings.add(readEscapes(text));
    },
  };
  try {
    await readXml(archive.read(part), xmlOptions(archive.name, part, limits), handlers);
    return strings;
  } catch (error) {
    strings.close();
    throw error;
  }
}

function showBoolean(value: string): Shown {
  if (value === '1' || value === 'true') return 'TRUE';
  return value === '0' || value === 'false' ? 'FALSE' : unreadable(value);
}

function showStoredDate(value: string): Shown {
  const [, date, time] = STORED_DATE.exec(value) ?? [];
  const isMidnight = date !== undefined && time === '00:00:00';
  const shown = [date, isMidnight ? undefined : time].filter((part) => part !== undefined).join('T');
  return shown === '' ? unreadable(value) : shown;
}

const NOT_CALCULATED: Damage = {
  code: 'cell_not_calculated',
  what: 'it is a formula whose result was not saved. Open the workbook in Excel, and save it again',
  shown: '#VALUE!',
};

function errorOf(value: string): Damage {
  const shown = ERROR.test(value) ? value : '#VALUE!';
  return { code: 'cell_error', what: `it shows the error ${shown}. Correct it`, shown };
}

function unreadable(value: string): Damage {
  const what = 'its value cannot be read. Enter it again, and save the workbook';
  return { code: 'cell_unreadable', what, shown: value };
}
