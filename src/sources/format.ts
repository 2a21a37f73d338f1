/** The format of a source: the one given, else that of its file extension. */
import { SourceError } from './errors.ts';

/** The values of the contract's `format`. */
export type SourceFormat = 'csv' | 'ndjson' | 'json' | 'xlsx';

const BY_EXTENSION: Readonly<Record<string, SourceFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  tab: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'json',
  xlsx: 'xlsx',
  xlsm: 'xlsx',
};

/** Files that are given by mistake, and what to do. first-block.ts finds the same in files with other names. */
const NOT_A_SOURCE: Readonly<Record<string, string>> = {
  xls: 'an old Excel workbook: save it as .xlsx or "CSV UTF-8" first',
  xlsb: 'a binary Excel workbook: save it as .xlsx or "CSV UTF-8" first',
  ods: 'an OpenDocument workbook: save it as .xlsx or "CSV UTF-8" first',
  numbers: 'a Numbers workbook: export it as .xlsx or CSV first',
  zip: 'an archive: unpack it and give the file in it',
  gz: 'compressed: unpack it first (gunzip)',
  bz2: 'compressed: unpack it first (bunzip2)',
  xz: 'compressed: unpack it first (unxz)',
  zst: 'compressed: unpack it first (unzstd)',
};

/** Throws SourceError `source_format_unknown`. */
export function resolveFormat(name: string, given?: SourceFormat): SourceFormat {
  if (given !== undefined) return given;
  const extension = /\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  const format = Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
  if (format !== undefined) return format;
  if (Object.hasOwn(NOT_A_SOURCE, extension)) {
    const message = `${name}: by its name, this is ${NOT_A_SOURCE[extension]}`;
    throw new SourceError('source_format_unknown', message);
  }
  const advice =
    'Use .csv, .tsv, .ndjson, .jsonl, .json or .xlsx as its extension, or give the format (--format): csv, ndjson, json or xlsx';
  throw new SourceError('source_format_unknown', `${name}: the name does not show the format. ${advice}`);
}
