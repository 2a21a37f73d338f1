/** The rules of preference rows (docs/cxone-contract.md#preference-rules). Pure. */
import { type Audience, type ColumnMap, describeColumnProblems, matchColumns } from '../columns.ts';
import { type Channel, REGIONS, type Region } from '../consent/eligibility.ts';
import { toContactId } from '../contact-id.ts';
import type { Fields } from '../fields.ts';
import type { Reason } from '../run.ts';
import {
  type Part,
  readChannel,
  readChoice,
  readFlag,
  readGuid,
  readSource,
  readText,
  readTime,
} from './cells.ts';
import { findOptOut, type OptOut } from './opt-out.ts';

export { MAX_SOURCE_CHARACTERS } from './cells.ts';
export type { OptOut } from './opt-out.ts';

/** The fields to which columns can be mapped, named as in the API. */
const PREFERENCE_FIELDS = [
  'contactId',
  'channel',
  'optIn',
  'consentTimestamp',
  'withdrawalTimestamp',
  'regulatoryRegion',
  'source',
  'idempotencyKey',
  'updatedAt',
] as const;
type Field = (typeof PREFERENCE_FIELDS)[number];

/** Columns without which no row can be valid. */
const REQUIRED: readonly Field[] = ['contactId', 'channel', 'optIn', 'regulatoryRegion', 'source'];

/** Timestamps are ISO 8601 in UTC, ending in Z. */
export interface Preference {
  readonly contactId: string;
  readonly channel: Channel;
  readonly optIn: boolean;
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  readonly regulatoryRegion: Region;
  readonly source: string;
  /** null: the row has none, so it has to be derived (docs/adr/0016-consent.md#sending-preferences). */
  readonly idempotencyKey: string | null;
  readonly updatedAt: string;
}

export type ReadPreference = (
  | { readonly preference: Preference }
  /** Valid by our rules, but CXone would refuse it, so it is not sent. */
  | { readonly preference: Preference; readonly refusedFor: Reason }
  /** Invalid: one reason for each rule that it breaks. */
  | { readonly reasons: readonly Reason[] }
) & {
  /** The objection in the row, whatever else is wrong with it; null: there is none. */
  readonly optOut: OptOut | null;
};

/** Field to column. */
export type PreferenceColumns = ReadonlyMap<string, string>;

/** For a source with a header. Returns all problems at once, each a sentence that says what to do. */
export function resolvePreferenceColumns(
  columns: readonly string[],
  map: ColumnMap = {},
  audience: Audience = 'terminal',
): { readonly columns: PreferenceColumns } | { readonly problems: readonly string[] } {
  const { found, rest, problems } = matchColumns(columns, PREFERENCE_FIELDS, map);
  const named = new Set(problems.map(({ field }) => field));
  const missing = REQUIRED.filter((field) => !found.has(field) && !named.has(field));
  const all = describeColumnProblems({ problems, missing, columns, likely: () => rest[0], audience });
  return all.length > 0 ? { problems: all } : { columns: found };
}

/** For NDJSON and JSON, whose columns are not known in advance: checks only that the fields of the map exist. */
export function preferenceMapProblems(map: ColumnMap): readonly string[] {
  return matchColumns(Object.values(map), PREFERENCE_FIELDS, map).problems.map(({ message }) => message);
}

/** The cells of a row. */
interface Parts {
  readonly contactId: Part<string>;
  readonly channel: Part<Channel>;
  readonly optIn: Part<boolean>;
  readonly consent: Part<string>;
  readonly withdrawal: Part<string>;
  readonly region: Part<Region>;
  readonly source: Part<string>;
  readonly key: Part<string>;
  readonly updatedAt: Part<string>;
}

/**
 * Converts a row to a preference, or returns every reason why that is impossible.
 * @param columns of the header (resolvePreferenceColumns). null for NDJSON and JSON: each row is matched by its own keys
 * @param now timestamps after it are invalid. The same for all attempts to stage the rows of a run, so that they agree
 */
export function readPreference(
  fields: Fields,
  columns: PreferenceColumns | null,
  now: Date,
  map: ColumnMap = {},
): ReadPreference {
  const match = columns ? null : matchColumns(Object.keys(fields), PREFERENCE_FIELDS, map);
  const from = columns ?? match?.found ?? new Map<string, string>();
  const ambiguous = (match?.problems ?? []).filter(({ code }) => code === 'ambiguous_column');
  const columnsOf = (field: Field) =>
    ambiguous.find((problem) => problem.field === field)?.columns ?? [from.get(field)];
  const found = findOptOut(fields, columnsOf, now);
  const optOut = found === 'nobody' ? null : found;
  const parts = readParts(fields, from, now);
  const reasons = [
    ...ambiguous.map(
      ({ field }): Reason => ({ code: 'field_ambiguous', field, message: 'two keys of the same name' }),
    ),
    ...Object.values<Part<unknown>>({ ...parts }).flatMap(({ reason }) => (reason ? [reason] : [])),
    ...contradictions(parts, from),
    ...(found === 'nobody' ? [protectsNobody(from)] : []),
  ].map((reason) => explainFlag(reason, found !== null));
  return reasons.length > 0 ? { reasons, optOut } : { ...toPreference(parts, from), optOut };
}

function readParts(fields: Fields, from: PreferenceColumns, now: Date): Parts {
  const cell = (field: Field) => ({
    field: from.get(field) ?? field,
    text: readText(fields, from.get(field)),
  });
  const time = (field: Field) => readTime(cell(field), now);
  return {
    contactId: readGuid(cell('contactId'), 'contact_id'),
    channel: readChannel(cell('channel')),
    optIn: readFlag(cell('optIn')),
    consent: time('consentTimestamp'),
    withdrawal: time('withdrawalTimestamp'),
    region: readChoice(cell('regulatoryRegion'), REGIONS, (text) => text.toUpperCase(), 'regulatory_region'),
    source: readSource(cell('source')),
    key:
      cell('idempotencyKey').text === ''
        ? { value: null }
        : readGuid(cell('idempotencyKey'), 'idempotency_key'),
    updatedAt: time('updatedAt'),
  };
}

/** Rules that concern several fields. A field that is invalid by itself is not reported again. */
function contradictions({ optIn, consent, withdrawal }: Parts, from: PreferenceColumns): Reason[] {
  const consentField = from.get('consentTimestamp') ?? 'consentTimestamp';
  const withdrawalField = from.get('withdrawalTimestamp') ?? 'withdrawalTimestamp';
  const isMissing = (part: Part<string>) => part.value === null && !part.reason;
  const reasons: Reason[] = [];
  if (optIn.value === true && isMissing(consent))
    reasons.push({ code: 'consent_missing', field: consentField });
  if (optIn.value === true && !isMissing(withdrawal))
    reasons.push({ code: 'opt_in_with_withdrawal', field: withdrawalField });
  if (optIn.value === false && isMissing(withdrawal))
    reasons.push({ code: 'withdrawal_missing', field: withdrawalField });
  return reasons;
}

function protectsNobody(from: PreferenceColumns): Reason {
  const message =
    'the row is an objection, but does not say whose, so it protects nobody yet: correct the contact id and send the row again';
  return { code: 'objection_protects_nobody', field: from.get('contactId') ?? 'contactId', message };
}

/** Says what was done with a decision that could not be read. */
function explainFlag(reason: Reason, isObjection: boolean): Reason {
  if (reason.code !== 'opt_in_not_a_flag' && reason.code !== 'opt_in_missing') return reason;
  const what =
    reason.code === 'opt_in_missing' ? 'neither yes nor no' : 'neither clearly a yes nor clearly a no';
  const done = isObjection
    ? 'it counts as an objection until a person decides'
    : 'nothing was recorded. If it is an objection, write no, and the date of the withdrawal';
  return { ...reason, message: `${what}: ${done}` };
}

function toPreference(
  parts: Parts,
  from: PreferenceColumns,
): { readonly preference: Preference; readonly refusedFor?: Reason } {
  const preference: Preference = {
    contactId: parts.contactId.value ?? '',
    channel: parts.channel.value ?? 'email',
    optIn: parts.optIn.value === true,
    consentTimestamp: parts.consent.value,
    withdrawalTimestamp: parts.withdrawal.value,
    regulatoryRegion: parts.region.value ?? 'NONE',
    source: parts.source.value ?? '',
    idempotencyKey: parts.key.value,
    updatedAt: parts.updatedAt.value ?? later(parts.consent.value, parts.withdrawal.value),
  };
  // CXone refuses an opt-out under GDPR without the date of the consent, and a missing date must not be invented
  // (docs/adr/0016-consent.md#sending-preferences).
  if (preference.optIn || preference.regulatoryRegion !== 'GDPR' || preference.consentTimestamp !== null)
    return { preference };
  const field = from.get('consentTimestamp') ?? 'consentTimestamp';
  const message = 'CXone requires the date of the withdrawn consent';
  return { preference, refusedFor: { code: 'gdpr_needs_consent_date', field, message } };
}

/** ISO timestamps in UTC have the same order as texts. */
function later(a: string | null, b: string | null): string {
  return (a ?? '') > (b ?? '') ? (a ?? '') : (b ?? '');
}

// --- one item per contact and channel ------------------------------------------------------------------------

/** Rows with the same key are duplicates: same contact, same channel. */
export function preferenceKey({ contactId, channel }: Pick<Preference, 'contactId' | 'channel'>): string {
  return `${toContactId(contactId)} ${channel}`;
}

/**
 * A text by which the duplicates of a contact and channel are ordered; the greatest wins. The latest decision comes first,
 * not the latest update of a record, because otherwise an old consent could beat a newer withdrawal. Then a withdrawal beats
 * a consent, then `updatedAt` and the content decide, so that the order of the rows does not matter.
 */
export function rankPreference(preference: Preference): string {
  const { optIn, consentTimestamp, updatedAt, regulatoryRegion, source, idempotencyKey } = preference;
  const rest = JSON.stringify([consentTimestamp, regulatoryRegion, source, idempotencyKey]);
  return `${decisionTime(preference)} ${optIn ? 0 : 1} ${updatedAt} ${rest}`;
}

/** When the person decided. */
export function decisionTime({
  optIn,
  consentTimestamp,
  withdrawalTimestamp,
  updatedAt,
}: Preference): string {
  return (optIn ? consentTimestamp : withdrawalTimestamp) ?? updatedAt;
}
