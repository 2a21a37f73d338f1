/** The columns of a contact import (decisions.md 3). Pure. */
import {
  type Audience,
  type ColumnMap,
  type ColumnMatch,
  matchColumns,
  describeColumnProblems,
} from '../columns.ts';

const NUMBERS = ['1', '2', '3', '4', '5', '6', '7', '8', '9'] as const;

/** What a column can be mapped to. Source: decisions.md 3. */
export const CONTACT_FIELDS: readonly string[] = [
  'contactId',
  'phone',
  ...NUMBERS.map((n) => `phone${n}`),
  'type',
  ...NUMBERS.map((n) => `type${n}`),
  'consentTimestamp',
  'optInStatus',
];

export interface PhoneColumns {
  readonly number: string;
  /** Null: every number of this column is a mobile. */
  readonly type: string | null;
}

/** Field to column. Null: the row has no such column, which only rows of NDJSON may have. */
export interface ContactColumns {
  readonly contactId: string | null;
  /** `phone`, then `phone1` to `phone9`; the first that is filled is the first phone of the contact. */
  readonly phones: readonly PhoneColumns[];
  readonly consentTimestamp: string | null;
  readonly optInStatus: string | null;
  /** The API's own shape, in NDJSON only. */
  readonly phoneNumbers: string | null;
  readonly customFields: string | null;
  /** All other columns: each becomes a custom field of its own name; a type without its phone does too. */
  readonly custom: readonly string[];
  /** Fields for which a row has two keys, e.g. `phone` and `Phone`. */
  readonly ambiguous: readonly string[];
}

/**
 * For a source with a header. Every problem at once, each a sentence for people that says what to do; on a terminal
 * with the columns, e.g. `No column for phone. … --map phone="Mobile Number"`.
 */
export function resolveContactColumns(
  columns: readonly string[],
  map: ColumnMap = {},
  audience: Audience = 'terminal',
): { readonly columns: ContactColumns } | { readonly problems: readonly string[] } {
  const match = matchColumns(columns, CONTACT_FIELDS, map);
  const resolved = toContactColumns(match);
  const named = new Set(match.problems.map((problem) => problem.field));
  const missing = missingFields(resolved).filter((field) => !named.has(field));
  const likely = (field: string) => match.rest.find((column) => LIKELY[field]?.test(column));
  const problems = describeColumnProblems({ problems: match.problems, missing, columns, likely, audience });
  return problems.length > 0 ? { problems } : { columns: resolved };
}

/**
 * For one row of NDJSON by its own keys: a mapped column that the row lacks is a missing value, not a
 * problem.
 */
export function matchRowColumns(keys: readonly string[], map: ColumnMap = {}): ContactColumns {
  return toContactColumns(matchColumns(keys, [...CONTACT_FIELDS, 'phoneNumbers', 'customFields'], map));
}

/** For NDJSON, whose columns are not known beforehand: the fields of the map that do not exist. */
export function contactMapProblems(map: ColumnMap): readonly string[] {
  const { problems } = matchColumns(Object.values(map), CONTACT_FIELDS, map);
  return problems.map((problem) => problem.message);
}

function toContactColumns({ found, rest, problems }: ColumnMatch): ContactColumns {
  const column = (field: string): string | null => found.get(field) ?? null;
  const phones = ['', ...NUMBERS].flatMap((n): PhoneColumns[] => {
    const number = column(`phone${n}`);
    return number === null ? [] : [{ number, type: column(`type${n}`) ?? column('type') }];
  });
  const types = new Set(phones.map(({ type }) => type));
  const idle = ['type', ...NUMBERS.map((n) => `type${n}`)]
    .map(column)
    .filter((name): name is string => name !== null && !types.has(name));
  return {
    contactId: column('contactId'),
    phones,
    consentTimestamp: column('consentTimestamp'),
    optInStatus: column('optInStatus'),
    phoneNumbers: column('phoneNumbers'),
    customFields: column('customFields'),
    custom: [...rest, ...idle],
    ambiguous: problems.filter(({ code }) => code === 'ambiguous_column').map(({ field }) => field),
  };
}

function missingFields(columns: ContactColumns): readonly string[] {
  return [
    ...(columns.contactId === null ? ['contactId'] : []),
    ...(columns.phones.length === 0 ? ['phone'] : []),
    ...(columns.consentTimestamp === null ? ['consentTimestamp'] : []),
    ...(columns.optInStatus === null ? ['optInStatus'] : []),
  ];
}

/** Names that people give these columns; only for the proposal, never to guess a mapping. */
const LIKELY: Readonly<Record<string, RegExp>> = {
  contactId: /contact|customer|client|crm|\bid\b|id$/i,
  phone: /phone|mobile|cell|\btel|msisdn|number/i,
  consentTimestamp: /consent.*(date|time|at)|(date|time).*consent|consent|opt.?in.*(date|time|at)/i,
  optInStatus: /opt.?in|status|subscri/i,
};
