/** The columns of a list load: every column becomes a field of an item (docs/list-load.md#the-file). Pure. */
import {
  type Audience,
  type ColumnMap,
  type ColumnMatch,
  describeColumnProblems,
  groupByKey,
  matchColumns,
  normalizeName,
} from '../columns.ts';
import { PHONE_FIELDS } from '../phone.ts';
import { quoteName } from '../text.ts';
import type { ItemRules } from './items.ts';
import { isColumnScoring } from './scoring.ts';

/** The fields that cxflow or CXone knows; they are sent by these names, however a source spells them. */
export const LIST_FIELDS = [
  'phone_number',
  'email',
  'contact_id',
  'updated_at',
  'last_contact_days',
  'engagement_rating',
  'customer_status',
] as const;

/** These of PHONE_FIELDS are taken for `phone_number` if no column has that name. */
const MAIN_PHONES = ['phone', 'phone1'];

interface Entry {
  /** The name of the field, as it is sent. */
  readonly name: string;
  readonly column: string;
}

/** What the columns of a source, or the keys of one row, are. */
export interface ListColumns {
  /** In the order of the source. */
  readonly entries: readonly Entry[];
  /** Names of the fields that hold phone numbers. */
  readonly phones: ReadonlySet<string>;
  /** Fields for which there are two columns, e.g. `email` and `E-Mail`. */
  readonly ambiguous: readonly string[];
  /** The field that somebody means who writes this name, the first one if several match; undefined: there is none. */
  readonly fieldOf: (name: string) => string | undefined;
  /** The fields that somebody may mean who writes this name: `Plan` and `PLAN` by `plan`. Of a name written exactly just one. */
  readonly fieldsLike: (name: string) => readonly string[];
}

/**
 * For a source with a header. Returns all problems at once, each a sentence that says what to do. A column is required for
 * each field that makes rows duplicates, that holds the score, or that the schema requires.
 */
export function resolveListColumns(
  columns: readonly string[],
  map: ColumnMap,
  rules: ItemRules,
  audience: Audience = 'terminal',
): { readonly columns: ListColumns } | { readonly problems: readonly string[] } {
  const match = matchColumns(columns, fieldsOf(map), map);
  const resolved = toListColumns(columns, match);
  const named = new Set(match.problems.map(({ field }) => field));
  const missing = requiredFields(rules).filter(
    (field) => resolved.fieldOf(field) === undefined && !named.has(field),
  );
  const likely = (field: string) => match.rest.find((column) => LIKELY[field]?.test(column));
  const problems = [
    ...describeColumnProblems({ problems: match.problems, missing, columns, likely, audience }),
    ...ambiguousFields(resolved, rules).map((field) => describeAmbiguous(field, resolved)),
    ...repetitions(resolved),
    ...notAllowed(resolved, rules, audience),
  ];
  return problems.length > 0 ? { problems } : { columns: resolved };
}

/** For one row of NDJSON or JSON. If it lacks a mapped column, the value is missing, which is not a problem of the map. */
export function matchListKeys(keys: readonly string[], map: ColumnMap = {}): ListColumns {
  return toListColumns(keys, matchColumns(keys, fieldsOf(map), map));
}

/** What can be said of a map without the rules of a run; `columns` is null for NDJSON and JSON, where each row has its own. */
export function listMapProblems(columns: readonly string[] | null, map: ColumnMap): readonly string[] {
  const { problems } = matchColumns(columns ?? Object.values(map), fieldsOf(map), map);
  return problems.map(({ message }) => message);
}

/** A column may be mapped to any name: it becomes the field of that name. */
function fieldsOf(map: ColumnMap): readonly string[] {
  const known = [...LIST_FIELDS, ...PHONE_FIELDS];
  const names = new Set(known.map(normalizeName));
  return [...known, ...Object.keys(map).filter((field) => !names.has(normalizeName(field)))];
}

function toListColumns(columns: readonly string[], { found, problems }: ColumnMatch): ListColumns {
  const mainPhone = found.has('phone_number') ? undefined : MAIN_PHONES.find((field) => found.has(field));
  const nameOf = (field: string) => (field === mainPhone ? 'phone_number' : field);
  const fieldByColumn = new Map([...found].map(([field, column]) => [column, nameOf(field)]));
  const entries = columns.map((column) => ({ name: fieldByColumn.get(column) ?? column, column }));
  const names = new Set(entries.map(({ name }) => name));
  const byKey: Map<string, readonly string[]> = groupByKey(names);
  if (mainPhone !== undefined) byKey.set(normalizeName(mainPhone), ['phone_number']);
  const fieldsLike = (name: string) => (names.has(name) ? [name] : (byKey.get(normalizeName(name)) ?? []));
  return {
    entries,
    phones: new Set(['phone_number', ...PHONE_FIELDS].filter((name) => names.has(name))),
    ambiguous: problems.filter(({ code }) => code === 'ambiguous_column').map(({ field }) => field),
    fieldOf: (name) => fieldsLike(name)[0],
    fieldsLike,
  };
}

/** Names in the rules that may mean several fields, apart from those of `ListColumns.ambiguous`. */
export function ambiguousFields(columns: ListColumns, rules: ItemRules): readonly string[] {
  const known = new Set(columns.ambiguous.map(normalizeName));
  const { scoring } = rules;
  const scored = isColumnScoring(scoring) ? [] : scoring.rules.map(({ field }) => field);
  const names = new Set([...requiredFields(rules), ...scored]);
  return [...names].filter((name) => columns.fieldsLike(name).length > 1 && !known.has(normalizeName(name)));
}

function describeAmbiguous(field: string, { fieldsLike }: ListColumns): string {
  const [first = '', ...others] = fieldsLike(field).map(quoteName);
  return `Several columns could be ${quoteName(field)}: ${[first, ...others].join(', ')}. Write one of these names exactly, or choose one: --map ${field}=${first}`;
}

function requiredFields({ deduplicateBy, scoring, schema }: ItemRules): readonly string[] {
  const fields = [
    ...deduplicateBy,
    ...(isColumnScoring(scoring) ? [scoring.column] : []),
    ...(schema?.required ?? []),
  ];
  return [...new Set(fields)];
}

/** A column whose own name is that of a field to which another column is mapped. */
function repetitions({ entries }: ListColumns): readonly string[] {
  return entries
    .filter(({ name }, index) => entries.findIndex((other) => other.name === name) < index)
    .map(
      ({ name }) =>
        `Two columns would become the field ${quoteName(name)}. Give the other one a name of its own: --map other_name=${quoteName(name)}`,
    );
}

function notAllowed({ entries }: ListColumns, rules: ItemRules, audience: Audience): readonly string[] {
  const surplus = entries.filter(({ name }) => !isAllowed(name, rules)).map(({ name }) => name);
  if (surplus.length === 0) return [];
  const which =
    audience === 'terminal' ? surplus.map(quoteName).join(', ') : `${surplus.length} of the columns`;
  return [
    `The schema does not allow ${which}. Remove the column from the file, or add it to "allowed" of the schema`,
  ];
}

/** Compared like the names of columns. */
export function isAllowed(name: string, { schema }: Pick<ItemRules, 'schema'>): boolean {
  return schema?.allowed === undefined || allowedKeys(schema.allowed).has(normalizeName(name));
}

function allowedKeys(allowed: readonly string[]): ReadonlySet<string> {
  const known = ALLOWED_KEYS.get(allowed);
  if (known !== undefined) return known;
  const keys = new Set(allowed.map(normalizeName));
  ALLOWED_KEYS.set(allowed, keys);
  return keys;
}

/** Every field of every row is looked for, and a schema may allow many. */
const ALLOWED_KEYS = new WeakMap<readonly string[], ReadonlySet<string>>();

/** Common names of these columns. Used for proposals only; a mapping is never guessed. */
const LIKELY: Readonly<Record<string, RegExp>> = {
  phone_number: /phone|mobile|cell|\btel|msisdn|number/i,
  email: /mail/i,
  contact_id: /contact|customer|client|crm|\bid\b|id$/i,
};
