/** Which format a source has: as said, else by the extension of its name. */
import { SourceError } from './errors.ts';

/** The same words as the contract's `format`. */
export type SourceFormat = 'csv' | 'ndjson' | 'json';

const BY_EXTENSION: Readonly<Record<string, SourceFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  tab: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'json',
};

/** Throws SourceError `source_format_unknown`. */
export function formatOf(name: string, given?: SourceFormat): SourceFormat {
  if (given !== undefined) return given;
  const extension = /\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  const format = Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
  if (format !== undefined) return format;
  const advice = 'End it in .csv, .tsv, .ndjson or .jsonl, or give the format: csv or ndjson';
  throw new SourceError('source_format_unknown', `${name}: the name does not say the format. ${advice}`);
}
