/** Matches the columns of a source to the fields of an operation (docs/adr/0013-sources-and-files.md#columns). Pure. */

import { withoutInvisible } from './invisible.ts';

/** Holds the text of a row that could not be split into columns, in the ledger and in exported files. */
export const RAW_COLUMN = 'cxflow_raw';

/**
 * A problem of the mapping. `message` only names columns that match a field or that the caller named, because others may be
 * personal data (see Audience).
 */
export interface ColumnProblem {
  readonly code: 'unknown_field' | 'unknown_column' | 'ambiguous_column' | 'column_mapped_twice';
  readonly field: string;
  readonly message: string;
  /** Of `ambiguous_column`: the columns that could be the field. */
  readonly columns?: readonly string[];
}

export interface ColumnMatch {
  /** Field to column, both as the caller spells them. */
  readonly found: ReadonlyMap<string, string>;
  /** Columns that match no field, in their order. */
  readonly rest: readonly string[];
  readonly problems: readonly ColumnProblem[];
}

/**
 * Who reads a message. On the user's own terminal it may list the columns of the source. In a workflow history, an audit or
 * a log it must not, because the first line of a file without a header is personal data.
 */
export type Audience = 'terminal' | 'history';

/** Field to column. */
export type ColumnMap = Readonly<Record<string, string>>;

/**
 * Names match if they differ only in case, spaces, `_` and `-`, like `Contact ID`, `contact_id` and `contactId`, or in characters
 * that nobody sees.
 */
export function normalizeName(name: string): string {
  return withoutInvisible(name)
    .replaceAll(/[\s_-]/g, '')
    .toLowerCase();
}

/** Finds a column for each field: the one given in `map`, else one with a matching name. */
export function matchColumns(
  columns: readonly string[],
  fields: readonly string[],
  map: ColumnMap = {},
): ColumnMatch {
  const mapped = readMap(columns, fields, map);
  const taken = new Set(mapped.found.values());
  const byKey = groupByKey(columns.filter((column) => !taken.has(column)));
  const found = new Map(mapped.found);
  const problems = [...mapped.problems];
  for (const field of fields) {
    if (mapped.fields.has(field)) continue;
    const [column, ...others] = byKey.get(normalizeName(field)) ?? [];
    if (column === undefined) continue;
    if (others.length > 0) problems.push(ambiguous(field, [column, ...others]));
    found.set(field, column);
  }
  const used = new Set(found.values());
  return { found, rest: columns.filter((column) => !used.has(column)), problems };
}

/**
 * One sentence for each problem and for each field without a column.
 * @param found.likely the column to propose for a field
 */
export function describeColumnProblems(found: {
  readonly problems: readonly ColumnProblem[];
  readonly missing: readonly string[];
  readonly columns: readonly string[];
  readonly likely: (field: string) => string | undefined;
  readonly audience: Audience;
}): readonly string[] {
  const { problems, missing, columns, likely, audience } = found;
  const isShown = audience === 'terminal';
  const names = quoteNames(columns);
  return [
    ...problems.map(({ code, message }) =>
      isShown && code === 'unknown_column' ? `${message}. Its columns are: ${names}` : message,
    ),
    ...missing.map((field, n) =>
      isShown
        ? `No column for ${field}.${n === 0 ? ` The columns are: ${names}.` : ''} Name yours: --map ${field}="${likely(field) ?? 'your column'}"`
        : `No column for ${field}. Is the first line a header? If so, name the column in the source's map`,
    ),
  ];
}

/** At most 20 names, in quotes. */
export function quoteNames(names: readonly string[]): string {
  const shown = names.slice(0, 20).map((name) => `"${name}"`);
  return names.length > 20 ? `${shown.join(', ')} and ${names.length - 20} more` : shown.join(', ');
}

interface MapMatch {
  readonly found: ReadonlyMap<string, string>;
  /** All fields of the map, whether or not their columns exist. */
  readonly fields: ReadonlySet<string>;
  readonly problems: readonly ColumnProblem[];
}

function readMap(columns: readonly string[], fields: readonly string[], map: ColumnMap): MapMatch {
  const found = new Map<string, string>();
  const mapped = new Set<string>();
  const problems: ColumnProblem[] = [];
  for (const [name, wanted] of Object.entries(map)) {
    const field = fields.find((candidate) => normalizeName(candidate) === normalizeName(name));
    const column = findColumn(columns, wanted);
    if (field === undefined) problems.push(unknownField(name, fields));
    else mapped.add(field);
    if (column === undefined) problems.push(unknownColumn(field ?? name, wanted));
    else if (field !== undefined && [...found.values()].includes(column))
      problems.push(mappedTwice(field, column));
    else if (field !== undefined) found.set(field, column);
  }
  return { found, fields: mapped, problems };
}

function findColumn(columns: readonly string[], wanted: string): string | undefined {
  return (
    columns.find((column) => column === wanted) ??
    columns.find((column) => normalizeName(column) === normalizeName(wanted))
  );
}

/** Columns by their normalized names. */
export function groupByKey(columns: Iterable<string>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const column of columns) {
    const key = normalizeName(column);
    const group = groups.get(key);
    if (group) group.push(column);
    else groups.set(key, [column]);
  }
  return groups;
}

function ambiguous(field: string, columns: readonly string[]): ColumnProblem {
  const found = `Several columns could be ${field}: ${quoteNames(columns)}`;
  const message = `${found}. Choose one: --map ${field}="${columns[0]}"`;
  return { code: 'ambiguous_column', field, message, columns };
}

function unknownField(field: string, fields: readonly string[]): ColumnProblem {
  const message = `There is no field "${field}" to map a column to. The fields are: ${fields.join(', ')}`;
  return { code: 'unknown_field', field, message };
}

function unknownColumn(field: string, wanted: string): ColumnProblem {
  const message = `The source has no column "${wanted}" for ${field}`;
  return { code: 'unknown_column', field, message };
}

function mappedTwice(field: string, column: string): ColumnProblem {
  return {
    code: 'column_mapped_twice',
    field,
    message: `Column "${column}" is mapped to ${field} and to another field`,
  };
}
