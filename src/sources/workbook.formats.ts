/** What a cell with a number shows, by its number format (docs/adr/0026-workbooks.md#what-a-cell-shows). */
import { format as formatNumber, getFormatDateInfo, getFormatInfo } from 'numfmt';
import { MS_PER_DAY } from '../domain/timestamps.ts';

/** Why a cell cannot be imported. */
export interface Damage {
  readonly code:
    | 'cell_error'
    | 'cell_digits_lost'
    | 'cell_scientific'
    | 'cell_not_calculated'
    | 'cell_not_a_date'
    | 'cell_unreadable';
  /** What is wrong and what to do, without a value. */
  readonly what: string;
  /** What the cell shows, for reports. Personal data. */
  readonly shown: string;
}

/** What a cell shows, or why that is not the value. */
export type Shown = string | Damage;
export type ShowNumber = (value: number) => Shown;

/** Built-in number formats. Source: ECMA-376, part 1, 18.8.30. Those that are missing are dates whose form depends on the language. */
const BUILT_IN: Readonly<Record<number, string>> = {
  ...{ 0: 'General', 1: '0', 2: '0.00', 3: '#,##0', 4: '#,##0.00', 9: '0%', 10: '0.00%', 11: '0.00E+00' },
  ...{ 5: '"$"#,##0_);("$"#,##0)', 6: '"$"#,##0_);("$"#,##0)', 7: '"$"#,##0.00_);("$"#,##0.00)' },
  ...{ 8: '"$"#,##0.00_);("$"#,##0.00)', 12: '# ?/?', 13: '# ??/??', 14: 'm/d/yyyy', 15: 'd-mmm-yy' },
  ...{ 16: 'd-mmm', 17: 'mmm-yy', 18: 'h:mm AM/PM', 19: 'h:mm:ss AM/PM', 20: 'h:mm', 21: 'h:mm:ss' },
  ...{ 22: 'm/d/yyyy h:mm', 37: '#,##0_);(#,##0)', 38: '#,##0_);(#,##0)', 39: '#,##0.00_);(#,##0.00)' },
  ...{ 40: '#,##0.00_);(#,##0.00)', 41: '#,##0_);(#,##0)', 42: '"$"#,##0_);("$"#,##0)' },
  ...{ 43: '#,##0.00_);(#,##0.00)', 44: '"$"#,##0.00_);("$"#,##0.00)', 45: 'mm:ss', 46: '[h]:mm:ss' },
  ...{ 47: 'mm:ss.0', 48: '##0.0E+0', 49: '@' },
};
/** 27 to 36 and 50 to 58: dates and times in the forms of Chinese, Japanese and Korean. */
const isLanguageDate = (id: number): boolean => (id >= 27 && id <= 36) || (id >= 50 && id <= 58);

/** @param code the format that the workbook defines for this id, if it does */
export function createShowNumber(id: number, code: string | undefined, is1904: boolean): ShowNumber {
  if (code === undefined && isLanguageDate(id))
    return (serial) => showDate(serial, { hasDate: serial >= 1, hasTime: true, hasFraction: false, is1904 });
  const pattern = code ?? BUILT_IN[id] ?? 'General';
  const { type } = getFormatInfo(pattern);
  if (type === 'date' || type === 'time' || type === 'datetime') return createShowDate(pattern, is1904);
  if (type === 'general' || type === 'text' || type === 'error') return showGeneral;
  const plain = withoutSeparators(pattern);
  return (value) => {
    if (Number.isInteger(value) && type === 'scientific') return scientific(value);
    const general = showGeneral(value);
    // A format that shows nothing hides the value, which is nevertheless there.
    return typeof general === 'string' ? tryFormat(plain, value) || general : general;
  };
}

/** As many digits as Excel keeps of a number. */
const EXACT_DIGITS = 15;

/** The number as Excel stores it. Unlike Excel, it is not shortened to 11 characters or to the width of the column. */
export function showGeneral(value: number): Shown {
  if (!Number.isFinite(value) || Math.abs(value) >= 10 ** EXACT_DIGITS) return digitsLost(value);
  if (Number.isInteger(value)) return String(value === 0 ? 0 : value);
  return String(Number(value.toPrecision(EXACT_DIGITS))).replace('e', 'E');
}

/** Which separators a reader sees depends on their computer, not on the workbook: 1,234.5 here is 1.234,5 there. */
function withoutSeparators(pattern: string): string {
  return pattern.replaceAll(/\[\$([^\]-]*)-[^\]]*\]/g, '[$$$1]').replaceAll(/(?<=[#0?]),(?=[#0?])/g, '');
}

function tryFormat(pattern: string, value: number): string {
  try {
    return formatNumber(pattern, value).replaceAll('\u00a0', ' ').trim();
  } catch {
    return '';
  }
}

function createShowDate(pattern: string, is1904: boolean): ShowNumber {
  // A number of hours that may exceed 24 is a duration.
  if (/\[(?:h+|m+|s+)\]/i.test(pattern)) return (value) => tryFormat(pattern, value) || showGeneral(value);
  const { year, month, day, hours, minutes, seconds } = getFormatDateInfo(pattern);
  const hasDate = year || month || day;
  const hasTime = hours || minutes || seconds;
  return (serial) => showDate(serial, { hasDate, hasTime, hasFraction: /s\.0/i.test(pattern), is1904 });
}

interface DateForm {
  readonly hasDate: boolean;
  readonly hasTime: boolean;
  /** Fractions of a second are shown. */
  readonly hasFraction: boolean;
  readonly is1904: boolean;
}

/**
 * In ISO 8601, without an offset, because a cell has none: `2024-11-01`, `2024-11-01T09:15:00`, `09:15:00`. A whole number is a
 * date, also if its format has a time: many programs give every date such a format.
 */
function showDate(serial: number, { hasDate, hasFraction, is1904, ...form }: DateForm): Shown {
  const hasTime = form.hasTime && !(hasDate && Number.isInteger(serial));
  const unit = hasFraction ? 1 : 1_000;
  const ms = hasTime ? Math.round((serial * MS_PER_DAY) / unit) * unit : Math.floor(serial) * MS_PER_DAY;
  const start = hasDate ? startOfDays(Math.floor(ms / MS_PER_DAY), is1904) : 0;
  const at = start === null ? null : start + (hasDate ? ms : ms % MS_PER_DAY);
  if (at === null || serial < 0 || at > LAST_MOMENT_MS) return notADate(serial);
  const [date = '', time = ''] = new Date(at).toISOString().split('T');
  const clock = time.slice(0, hasFraction ? 12 : 8);
  return [...(hasDate ? [date] : []), ...(hasTime ? [clock] : [])].join('T');
}

const LAST_MOMENT_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** Excel counts 29 February 1900, a day that never was. */
const NEVER_WAS = 60;

/** The moment from which the days are counted; null: this number is not a day. */
function startOfDays(day: number, is1904: boolean): number | null {
  if (is1904) return Date.UTC(1904, 0, 1);
  if (day < 1 || day === NEVER_WAS) return null;
  return day < NEVER_WAS ? Date.UTC(1899, 11, 31) : Date.UTC(1899, 11, 30);
}

function digitsLost(value: number): Damage {
  const what =
    `it is a number of more than ${EXACT_DIGITS} digits, and a spreadsheet keeps only ${EXACT_DIGITS} of them. ` +
    'Enter it as text, from where it came from';
  return { code: 'cell_digits_lost', what, shown: toScientific(value, EXACT_DIGITS) };
}

function scientific(value: number): Damage {
  const what =
    'it shows a whole number in scientific notation, without all its digits. Give it the number format 0, and check it';
  return { code: 'cell_scientific', what, shown: toScientific(value, 6) };
}

/** As spreadsheets show it. Nobody takes `1.00045E+11` for an id, while its rounded digits would look like one. */
function toScientific(value: number, digits: number): string {
  return value.toExponential(digits - 1).replace(/\.?0*e/, 'E');
}

function notADate(serial: number): Damage {
  const what = 'it has the format of a date, but its number is no day from 1900 to 9999. Correct it';
  return { code: 'cell_not_a_date', what, shown: String(serial) };
}
