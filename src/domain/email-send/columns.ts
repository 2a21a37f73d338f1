/** The columns of a file of recipients (docs/email-send.md#the-file). Pure. */
import {
  type Audience,
  type ColumnMap,
  type ColumnMatch,
  describeColumnProblems,
  groupByKey,
  matchColumns,
  normalizeName,
  quoteNames,
} from '../columns.ts';
import { type Fields, readField } from '../fields.ts';
import { findSimilar } from '../similar.ts';
import { quoteName } from '../text.ts';
import { type MergeField, quoteField } from './merge-fields.ts';

/** Names of the column with the address; the first one is that of the field. */
const ADDRESS_FIELDS = ['emailAddress', 'email', 'toAddress'] as const;
const ADDRESS_KEYS: ReadonlySet<string> = new Set(ADDRESS_FIELDS.map(normalizeName));
const OTHER_FIELDS = ['contactId', 'tags'] as const;
/** The fields of a recipient. Every other column may become a merge field. */
export const RECIPIENT_FIELDS: readonly string[] = [...ADDRESS_FIELDS, ...OTHER_FIELDS];

/** What the columns of a source, or the keys of one row, are. null: there is no such column. */
export interface RecipientColumns {
  readonly address: string | null;
  readonly contactId: string | null;
  readonly tags: string | null;
  /** Merge fields by their names, as they are sent. With declared ones, only these. */
  readonly merge: readonly { readonly name: string; readonly column: string }[];
  /** Fields for which there are two columns, e.g. `plan` and `Plan`. */
  readonly ambiguous: readonly string[];
}

/** What the columns depend on: a message. */
export interface Declares {
  readonly mergeFields?: readonly MergeField[];
}

/**
 * For a source with a header. Returns all problems at once, each a sentence that says what to do. A declared merge field needs a
 * column or a fallback, because its name is probably misspelt.
 */
export function resolveRecipientColumns(
  columns: readonly string[],
  map: ColumnMap,
  message: Declares,
  audience: Audience = 'terminal',
): { readonly columns: RecipientColumns } | { readonly problems: readonly string[] } {
  const match = matchFields(columns, map, message);
  const resolved = toRecipientColumns(columns, match, message);
  const named = new Set(match.problems.map(({ field }) => field));
  const missing = resolved.address === null && !named.has('emailAddress') ? ['emailAddress'] : [];
  const likely = () => match.rest.find((column) => /mail|address/i.test(column));
  const problems = [
    ...describeColumnProblems({ problems: match.problems, missing, columns, likely, audience }),
    ...repetitions(resolved),
    ...missingFields(resolved, message)
      .filter(({ name }) => !named.has(name))
      .map(({ name }) => describeMissing(name, columns, audience)),
  ];
  return problems.length > 0 ? { problems } : { columns: resolved };
}

/** For one row of NDJSON or JSON. If it lacks a mapped column, the value is missing, which is not a problem of the map. */
export function matchRecipientKeys(
  keys: readonly string[],
  map: ColumnMap,
  message: Declares,
): RecipientColumns {
  return toRecipientColumns(keys, matchFields(keys, map, message), message);
}

/** The keys of a row of NDJSON or JSON, and its `mergeFields`, which are an object if it is right; undefined: it has none. */
export function splitKeys(fields: Fields): { readonly flat: readonly string[]; readonly nested: unknown } {
  const keys = Object.keys(fields);
  const key = keys.find((each) => normalizeName(each) === 'mergefields');
  return { flat: keys.filter((each) => each !== key), nested: readField(fields, key) };
}

/**
 * What can be said of the columns of a source before a run. `columns` is null for NDJSON and JSON, where each row has its own.
 * Without a message only the map is checked.
 */
export function recipientMapProblems(
  columns: readonly string[] | null,
  map: ColumnMap,
  message?: Declares,
  audience: Audience = 'terminal',
): readonly string[] {
  if (columns === null || message === undefined)
    return matchFields(columns ?? Object.values(map), map, message ?? {}).problems.map(
      (each) => each.message,
    );
  const resolved = resolveRecipientColumns(columns, map, message, audience);
  return 'problems' in resolved ? resolved.problems : [];
}

function matchFields(columns: readonly string[], given: ColumnMap, message: Declares): ColumnMatch {
  const map = withAddressField(given);
  const match = matchColumns(columns, fieldsOf(map, message), map);
  const addresses = ADDRESS_FIELDS.flatMap((field) => match.found.get(field) ?? []);
  if (addresses.length < 2 || isMapped(map, 'emailAddress')) return match;
  const found = `Several columns could be emailAddress: ${quoteNames(addresses)}`;
  const problem = {
    code: 'ambiguous_column' as const,
    field: 'emailAddress',
    message: `${found}. Choose one: --map emailAddress="${addresses[0]}"`,
  };
  return { ...match, problems: [...match.problems, problem] };
}

const addressOf = (found: ColumnMatch['found']): string | null =>
  ADDRESS_FIELDS.flatMap((field) => found.get(field) ?? [])[0] ?? null;

/** A map may have any of the names of the field with the address. */
function withAddressField(map: ColumnMap): ColumnMap {
  const given = Object.keys(map).filter((field) => ADDRESS_KEYS.has(normalizeName(field)));
  const [only] = given;
  if (only === undefined || given.length > 1) return map;
  const { [only]: column = '', ...others } = map;
  return { emailAddress: column, ...others };
}

const isMapped = (map: ColumnMap, field: string): boolean =>
  Object.keys(map).some((each) => normalizeName(each) === normalizeName(field));

/** Without declared fields, a column may be mapped to any name: it becomes the merge field of that name. */
function fieldsOf(map: ColumnMap, { mergeFields }: Declares): readonly string[] {
  const names = new Set(RECIPIENT_FIELDS.map(normalizeName));
  const others = mergeFields?.map(({ name }) => name) ?? Object.keys(map);
  return [...RECIPIENT_FIELDS, ...others.filter((name) => !names.has(normalizeName(name)))];
}

function toRecipientColumns(
  columns: readonly string[],
  { found, problems }: ColumnMatch,
  { mergeFields }: Declares,
): RecipientColumns {
  const address = addressOf(found);
  const contactId = found.get('contactId') ?? null;
  const tags = found.get('tags') ?? null;
  const merge = mergeFields
    ? declaredColumns(columns, found, mergeFields)
    : allColumns(columns, found, [address, contactId, tags]);
  const ambiguous = problems.filter(({ code }) => code === 'ambiguous_column').map(({ field }) => field);
  return { address, contactId, tags, merge, ambiguous };
}

/** A template may also show the address or the id of a contact, so a column may be both. */
function declaredColumns(
  columns: readonly string[],
  found: ColumnMatch['found'],
  mergeFields: readonly MergeField[],
): RecipientColumns['merge'] {
  const byField = new Map([...found].map(([field, column]) => [normalizeName(field), column]));
  const byKey = groupByKey(columns);
  const address = addressOf(found);
  return mergeFields.flatMap(({ name }) => {
    const key = normalizeName(name);
    const column = byField.get(key) ?? byKey.get(key)?.[0] ?? (ADDRESS_KEYS.has(key) ? address : null);
    return column === null ? [] : [{ name, column }];
  });
}

/** Of a second column with an address, too: it is a merge field under its own name. */
function allColumns(
  columns: readonly string[],
  found: ColumnMatch['found'],
  used: readonly (string | null)[],
): RecipientColumns['merge'] {
  const mapped = [...found].filter(([field]) => !RECIPIENT_FIELDS.includes(field));
  const nameOf = new Map(mapped.map(([field, column]) => [column, field]));
  return columns
    .filter((column) => !used.includes(column))
    .map((column) => ({ name: nameOf.get(column) ?? column, column }));
}

/** A column whose own name is that of a field to which another column is mapped. */
function repetitions({ merge }: RecipientColumns): readonly string[] {
  return merge
    .filter(({ name }, index) => merge.findIndex((other) => other.name === name) < index)
    .map(
      ({ name }) =>
        `Two columns would become the merge field ${quoteName(name)}. Give the other one a name of its own: --map other_name=${quoteName(name)}`,
    );
}

/** The declared fields that none of the columns provides, although they have no fallback. */
export function missingFields(
  { merge }: Pick<RecipientColumns, 'merge'>,
  { mergeFields = [] }: Declares,
): readonly MergeField[] {
  const names = new Set(merge.map(({ name }) => name));
  return mergeFields.filter(({ name, fallback }) => fallback === null && !names.has(name));
}

function describeMissing(name: string, columns: readonly string[], audience: Audience): string {
  const field = quoteField(name);
  if (audience === 'history')
    return `${field} is in no column. Is the first line a header? If so, name the column in the source's map, or give the field a fallback in mergeFields`;
  const similar = findSimilar(name, columns);
  const proposal = similar === undefined ? '' : ` Perhaps it should be {{${similar}}}.`;
  return `${field} is in no column; the columns are ${quoteNames(columns)}.${proposal} Correct the name, name the column (--map ${quoteName(name)}="${similar ?? 'your column'}"), or give the field a fallback in mergeFields`;
}
