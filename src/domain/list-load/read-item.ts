/** Converts rows to list items (docs/list-load.md#the-file). Pure. */
import { type ColumnMap, normalizeName } from '../columns.ts';
import { contactIdProblem } from '../contact-id.ts';
import { type Fields, readField, toText } from '../fields.ts';
import { isEmailAddress } from '../identifiers.ts';
import { withoutInvisible } from '../invisible.ts';
import { isRounded, isRoundedText, plural } from '../numbers.ts';
import { readPhone } from '../phone.ts';
import type { Reason } from '../run.ts';
import { describeNoTimestamp, toUtcTimestamp } from '../timestamps.ts';
import { type ApiRow, readApiShape } from './api-shape.ts';
import { ambiguousFields, isAllowed, LIST_FIELDS, type ListColumns, matchListKeys } from './columns.ts';
import { toKey } from './identity.ts';
import { type Field, type ItemRules, type ListItem, MAX_ROW_CHARACTERS } from './items.ts';
import { priorityOf, type Score, scoreItem } from './scoring.ts';
import { timeZoneProblem } from './whereabouts.ts';

export type ReadItem =
  | {
      readonly item: ListItem;
      readonly score: Score;
      /** ISO 8601, UTC. null: the row has none, which counts as the oldest. */
      readonly updatedAt: string | null;
      /** What makes it a duplicate of another row (identity.ts). */
      readonly keys: readonly string[];
    }
  | { readonly reasons: readonly Reason[] };

/**
 * Converts a row to an item, or returns every reason why that is impossible. The values of known fields are trimmed, all
 * others are sent as they are.
 * @param columns of the header (resolveListColumns). null for NDJSON and JSON: each row is matched by its own keys, and may
 * have the shape of the API: `fields` and `deduplicationKeys`
 */
export function readItem(
  fields: Fields,
  columns: ListColumns | null,
  rules: ItemRules,
  map: ColumnMap = {},
): ReadItem {
  const row = convertPhones(readRow(fields, columns, map), rules);
  const lookup = (name: string) => row.values.get(row.columns.fieldOf(name) ?? '');
  const scored = scoreItem(lookup, rules.scoring);
  const updated = readUpdatedAt(row.values.get('updated_at'));
  const keys = keyFields(row, rules);
  const reasons = [
    ...row.reasons,
    ...(columns === null ? ambiguityReasons(row, rules) : []),
    ...phoneReasons(row, rules),
    ...emailReasons(row),
    ...schemaReasons(row, rules),
    ...sizeReasons(row),
    ...keyReasons(row, keys, rules),
    ...idReasons(row, keys),
    ...updated.reasons,
    ...timeZoneReasons(row, rules),
    ...('reasons' in scored ? scored.reasons : []),
  ];
  if (reasons.length > 0 || 'reasons' in scored) return { reasons };
  return {
    item: {
      deduplicationKeys: keys,
      fields: [...row.values].map(([name, value]) => ({ name, value })),
      priority: priorityOf(scored.clamped),
    },
    score: scored,
    updatedAt: updated.value,
    keys: [...new Set(keys.map(toKey))],
  };
}

interface Row {
  readonly columns: ListColumns;
  /** The values by the names of their fields, in the order of the row; none is blank. */
  readonly values: ReadonlyMap<string, string>;
  /** `deduplicationKeys` of a row in the shape of the API. */
  readonly ownKeys: ApiRow['ownKeys'];
  readonly reasons: readonly Reason[];
}

function readRow(fields: Fields, columns: ListColumns | null, map: ColumnMap): Row {
  const isApiShape = columns === null && Array.isArray(fields.fields);
  const api = isApiShape ? readApiShape(fields) : { cells: fields, ownKeys: null, reasons: [] };
  const from = columns ?? matchListKeys(Object.keys(api.cells), map);
  const values = new Map<string, string>();
  const reasons: Reason[] = [...api.reasons];
  for (const { name, column } of from.entries) {
    const cell = readField(api.cells, column);
    const problem = cellProblem(name, cell);
    if (problem) reasons.push({ ...problem, field: column });
    else if (values.has(name)) reasons.push({ code: 'field_repeated', field: column });
    else {
      const text = toText(cell);
      const value = isKnown(name, from) ? tidy(name, text) : text;
      if (value.trim() !== '') values.set(name, value);
    }
  }
  return { columns: from, values, ownKeys: api.ownKeys, reasons };
}

/** An address with invisible characters is refused instead (domain/email-address.ts). */
const tidy = (name: string, text: string): string =>
  (name === 'email' ? text : withoutInvisible(text)).trim();

/** Fields whose blanks and invisible characters mean nothing: cxflow compares or reads them. */
function isKnown(name: string, { phones }: ListColumns): boolean {
  return phones.has(name) || KNOWN.has(name);
}

const KNOWN: ReadonlySet<string> = new Set(LIST_FIELDS);

function cellProblem(name: string, cell: unknown): Pick<Reason, 'code' | 'message'> | null {
  if (name.trim() === '') return { code: 'field_without_name' };
  if (cell === null) return { code: 'field_null', message: 'leave the field out, or write an empty text' };
  if (typeof cell === 'object') return { code: 'field_nested', message: 'a field has one text' };
  if (isInexact(cell))
    return { code: 'number_not_exact', message: 'too long for a JSON number; put it in quotes' };
  return null;
}

function isInexact(cell: unknown): boolean {
  if (typeof cell === 'string') return isRoundedText(cell);
  return isRounded(cell) || (typeof cell === 'number' && !Number.isFinite(cell));
}

/** Of a source with a header it is a problem of the columns. */
function ambiguityReasons({ columns }: Row, rules: ItemRules): Reason[] {
  return [...columns.ambiguous, ...ambiguousFields(columns, rules)].map(
    (field): Reason => ({ code: 'field_ambiguous', field, message: 'two fields of the same name' }),
  );
}

function phoneReasons({ values, columns }: Row, { country }: ItemRules): Reason[] {
  return [...columns.phones].flatMap((name): Reason[] => {
    const value = values.get(name);
    const read = value === undefined ? null : readPhone(value, country);
    return read && 'problem' in read ? [{ ...read.problem, field: columnOf(name, columns) }] : [];
  });
}

/** Numbers in national or formatted spelling, if the run has a country. */
function convertPhones(row: Row, { country }: ItemRules): Row {
  if (country === undefined) return row;
  const values = [...row.values].map(([name, value]): [string, string] => {
    const read = row.columns.phones.has(name) ? readPhone(value, country) : { number: value };
    return [name, 'number' in read ? read.number : value];
  });
  return { ...row, values: new Map(values) };
}

/** Several addresses in one, or one with a name, would be compared with a suppression list as a whole, and found on none. */
function emailReasons({ values, columns }: Row): Reason[] {
  const value = values.get('email');
  if (value === undefined || isEmailAddress(value)) return [];
  const message = 'write one address, like ann@example.com, and put others into columns of their own';
  return [{ code: 'email_not_an_address', field: columnOf('email', columns), message }];
}

function columnOf(name: string, { entries }: ListColumns): string {
  return entries.find((each) => each.name === name)?.column ?? name;
}

function schemaReasons({ values, columns }: Row, rules: ItemRules): Reason[] {
  if (!rules.schema) return [];
  const surplus = [...values.keys()].filter((name) => !isAllowed(name, rules));
  const missing = (rules.schema.required ?? []).filter((name) => !values.has(columns.fieldOf(name) ?? name));
  return [
    ...surplus.map((field) => ({ code: 'field_not_allowed', field })),
    ...missing.map((field) => ({ code: 'field_missing', field })),
  ];
}

function sizeReasons({ values }: Row): Reason[] {
  const characters = [...values.values()].reduce((sum, { length }) => sum + length, 0);
  if (characters <= MAX_ROW_CHARACTERS) return [];
  const message = `its values have ${plural(characters, 'character')} together, ${MAX_ROW_CHARACTERS} at most`;
  return [{ code: 'row_too_long', message }];
}

/** The deduplication keys of the row, by the names that its fields have. */
function keyFields({ values, columns }: Row, { deduplicateBy }: ItemRules): readonly Field[] {
  const names = new Set(deduplicateBy.map((name) => columns.fieldOf(name) ?? name));
  return [...names].flatMap((name): Field[] => {
    const value = values.get(name);
    return value === undefined ? [] : [{ name, value }];
  });
}

function keyReasons({ ownKeys }: Row, keys: readonly Field[], { deduplicateBy }: ItemRules): Reason[] {
  if (keys.length === 0) {
    const message = `has no value in ${deduplicateBy.join(', ')}`;
    return [{ code: 'deduplication_key_missing', field: deduplicateBy[0] ?? 'phone_number', message }];
  }
  if (ownKeys === null || sameFields(ownKeys, keys)) return [];
  const message = `must be its own values of ${deduplicateBy.join(', ')}`;
  return [{ code: 'deduplication_keys_differ', field: 'deduplicationKeys', message }];
}

/** Many rows may have the same text in place of an id, and mean different people. */
function idReasons({ values, columns }: Row, keys: readonly Field[]): Reason[] {
  const names = new Set(['contact_id', ...keys.map(({ name }) => name)]);
  return [...names].flatMap((name): Reason[] => {
    const problem = columns.phones.has(name) ? null : contactIdProblem(values.get(name) ?? '');
    if (problem === null || problem.code === 'contact_id_missing') return [];
    return [{ ...problem, field: columnOf(name, columns) }];
  });
}

function sameFields(own: NonNullable<ApiRow['ownKeys']>, keys: readonly Field[]): boolean {
  const toLines = (pairs: readonly (readonly [string, unknown])[]) =>
    pairs.map(([name, value]) => JSON.stringify([normalizeName(name), toText(value).trim()])).sort();
  return toLines(own).join() === toLines(keys.map(({ name, value }) => [name, value])).join();
}

function timeZoneReasons({ values }: Row, { hasCallingHours = false }: ItemRules): Reason[] {
  if (!hasCallingHours) return [];
  return [...values].flatMap(([name, value]) => timeZoneProblem({ name, value }) ?? []);
}

function readUpdatedAt(text: string | undefined): {
  readonly value: string | null;
  readonly reasons: readonly Reason[];
} {
  if (text === undefined) return { value: null, reasons: [] };
  const value = toUtcTimestamp(text);
  if (value !== null) return { value, reasons: [] };
  const message = describeNoTimestamp(text);
  return { value, reasons: [{ code: 'updated_at_not_a_date', field: 'updated_at', message }] };
}
