/** The columns of a contact import (docs/adr/0013-sources-and-files.md#columns). Pure. */
import {
  type Audience,
  type ColumnMap,
  type ColumnMatch,
  describeColumnProblems,
  matchColumns,
} from '../columns.ts';

const NUMBERS = ['1', '2', '3', '4', '5', '6', '7', '8', '9'] as const;

/** The fields to which columns can be mapped. */
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
  /** null: the numbers of this column are of DEFAULT_PHONE_TYPE. */
  readonly type: string | null;
}

/** Field to column. null: there is no such column, which is allowed for single rows of NDJSON and JSON only. */
export interface ContactColumns {
  readonly contactId: string | null;
  /** `phone`, then `phone1` to `phone9`. The first one with a value is the first phone number of the contact. */
  readonly phones: readonly PhoneColumns[];
  readonly consentTimestamp: string | null;
  readonly optInStatus: string | null;
  /** The shape of CXone's own API, in NDJSON and JSON only. */
  readonly phoneNumbers: string | null;
  readonly customFields: string | null;
  /** All other columns, including a type without a phone number. Each becomes a custom field of the same name. */
  readonly custom: readonly string[];
  /** Fields for which the row has two keys, e.g. `phone` and `Phone`. */
  readonly ambiguous: readonly string[];
}

/**
 * For a source with a header. Returns all problems at once, each a sentence that says what to do, e.g. on a terminal
 * `No column for phone. … --map phone="Mobile Number"`.
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

/** For one row of NDJSON or JSON. If it lacks a mapped column, the value is missing, which is not a problem of the map. */
export function matchRowColumns(keys: readonly string[], map: ColumnMap = {}): ContactColumns {
  return toContactColumns(matchColumns(keys, [...CONTACT_FIELDS, 'phoneNumbers', 'customFields'], map));
}

/** For NDJSON and JSON, whose columns are not known in advance: checks only that the fields of the map exist. */
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
  const typesWithoutPhone = ['type', ...NUMBERS.map((n) => `type${n}`)]
    .map(column)
    .filter((name): name is string => name !== null && !types.has(name));
  return {
    contactId: column('contactId'),
    phones,
    consentTimestamp: column('consentTimestamp'),
    optInStatus: column('optInStatus'),
    phoneNumbers: column('phoneNumbers'),
    customFields: column('customFields'),
    custom: [...rest, ...typesWithoutPhone],
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

/** Common names of these columns. Used for proposals only; a mapping is never guessed. */
const LIKELY: Readonly<Record<string, RegExp>> = {
  contactId: /contact|customer|client|crm|\bid\b|id$/i,
  phone: /phone|mobile|cell|\btel|msisdn|number/i,
  consentTimestamp: /consent|opt.?in.{0,20}(date|time|at)/i,
  optInStatus: /opt.?in|status|subscri/i,
};
