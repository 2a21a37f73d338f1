/** The rules of preference rows (tutorial S0, cxone-api.md "preferences", decisions.md 24 and 25). Pure. */
import { type Audience, type ColumnMap, matchColumns, problemTexts } from './columns.ts';
import { type Channel, CHANNELS, CLOCK_TOLERANCE_MS, type Region, REGIONS } from './eligibility.ts';
import type { Reason } from './run.ts';
import { toUtcTimestamp } from './timestamps.ts';

/** The most items of one request. Source: S0. */
export const PREFERENCES_PER_BATCH = 100;
/** Source: S0. */
export const LONGEST_SOURCE = 50;

/** S0's names; what a column can be mapped to. */
export const PREFERENCE_FIELDS = [
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

/** Without them no row can be valid. */
const NEEDED: readonly Field[] = ['contactId', 'channel', 'optIn', 'regulatoryRegion', 'source'];

/** Timestamps: ISO 8601, UTC, ending in Z. */
export interface Preference {
  readonly contactId: string;
  readonly channel: Channel;
  readonly optIn: boolean;
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  readonly regulatoryRegion: Region;
  readonly source: string;
  /** As the row has it; null: to be derived (decisions.md 25). */
  readonly idempotencyKey: string | null;
  readonly updatedAt: string;
}

/** An objection that does not go out to CXone and must not be lost: for our own suppression list. */
export interface UnsentOptOut {
  readonly contactId: string;
  readonly channel: Channel;
  /** null: the row does not say when. */
  readonly withdrawalTimestamp: string | null;
}

export type ReadPreference =
  | { readonly preference: Preference }
  /** Right by our rules, and refused by CXone's: not sent. */
  | { readonly preference: Preference; readonly refusedFor: Reason; readonly optOut: UnsentOptOut }
  /** Every rule that it breaks. */
  | { readonly reasons: readonly Reason[]; readonly optOut: UnsentOptOut | null };

type Fields = Readonly<Record<string, unknown>>;
/** Field to column. */
export type PreferenceColumns = ReadonlyMap<string, string>;

/** For a source with a header. Every problem at once, each a sentence for people; on a terminal with the columns. */
export function resolvePreferenceColumns(
  columns: readonly string[],
  map: ColumnMap = {},
  audience: Audience = 'terminal',
): { readonly columns: PreferenceColumns } | { readonly problems: readonly string[] } {
  const { found, rest, problems } = matchColumns(columns, PREFERENCE_FIELDS, map);
  const named = new Set(problems.map(({ field }) => field));
  const missing = NEEDED.filter((field) => !found.has(field) && !named.has(field));
  const all = problemTexts({ problems, missing, columns, likely: () => rest[0], audience });
  return all.length > 0 ? { problems: all } : { columns: found };
}

/** For NDJSON, whose columns are not known beforehand: the fields of the map that do not exist. */
export function preferenceMapProblems(map: ColumnMap): readonly string[] {
  return matchColumns(Object.values(map), PREFERENCE_FIELDS, map).problems.map(({ message }) => message);
}

/** What a row says, each part with what is wrong with it. */
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
/** `value` null: there is none, or a wrong one. A reason has the field as the source names it and never a value. */
interface Part<T> {
  readonly value: T | null;
  readonly reason?: Reason;
}

/**
 * One row to one preference, or *every* reason why not. `columns`: of the header; null for NDJSON, where each row's
 * own keys count. `now` fixes what the future is: a repeat of staging reads every row alike.
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
  const parts = readParts(fields, from, now);
  const reasons = [
    ...ambiguous.map(
      ({ field }): Reason => ({ code: 'field_ambiguous', field, message: 'two keys of one name' }),
    ),
    ...Object.values(parts).flatMap(({ reason }: Part<unknown>) => (reason ? [reason] : [])),
    ...contradictions(parts, from),
  ];
  if (reasons.length > 0) return { reasons, optOut: ambiguous.length > 0 ? null : optOutOf(parts) };
  return ofValid(parts, from);
}

function readParts(fields: Fields, from: PreferenceColumns, now: Date): Parts {
  const cell = (field: Field) => ({ field: from.get(field) ?? field, text: textOf(fields, from.get(field)) });
  const time = (field: Field) => readTime(cell(field), now);
  return {
    contactId: readGuid(cell('contactId'), 'contact_id'),
    channel: readWord(cell('channel'), CHANNELS, (text) => text.toLowerCase(), 'channel'),
    optIn: readFlag(cell('optIn')),
    consent: time('consentTimestamp'),
    withdrawal: time('withdrawalTimestamp'),
    region: readWord(cell('regulatoryRegion'), REGIONS, (text) => text.toUpperCase(), 'regulatory_region'),
    source: readSource(cell('source')),
    key:
      cell('idempotencyKey').text === ''
        ? { value: null }
        : readGuid(cell('idempotencyKey'), 'idempotency_key'),
    updatedAt: time('updatedAt'),
  };
}

/** S0's rules across fields, as cxone-api.md mends them. A field that is wrong in itself is not blamed twice. */
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

function ofValid(parts: Parts, from: PreferenceColumns): ReadPreference {
  const preference: Preference = {
    contactId: parts.contactId.value ?? '',
    channel: parts.channel.value ?? 'email',
    optIn: parts.optIn.value === true,
    consentTimestamp: parts.consent.value,
    withdrawalTimestamp: parts.withdrawal.value,
    regulatoryRegion: parts.region.value ?? 'NONE',
    source: parts.source.value ?? '',
    idempotencyKey: parts.key.value,
    updatedAt: parts.updatedAt.value ?? laterOf(parts.consent.value, parts.withdrawal.value),
  };
  const optOut = optOutOf(parts);
  // The vendor refuses it; a date that nobody gave is not invented (decisions.md 24).
  if (optOut === null || preference.regulatoryRegion !== 'GDPR' || preference.consentTimestamp !== null)
    return { preference };
  const field = from.get('consentTimestamp') ?? 'consentTimestamp';
  const message =
    'CXone wants the date of the consent that is withdrawn; the objection is on our own suppression list';
  return { preference, refusedFor: { code: 'gdpr_needs_consent_date', field, message }, optOut };
}

/** Whatever else is wrong with a row: whom it concerns, where, and that they said no is known. */
function optOutOf({ contactId, channel, optIn, withdrawal }: Parts): UnsentOptOut | null {
  if (optIn.value !== false || contactId.value === null || channel.value === null) return null;
  return { contactId: contactId.value, channel: channel.value, withdrawalTimestamp: withdrawal.value };
}

/** Both ISO in UTC of one length: as text as in time. */
function laterOf(a: string | null, b: string | null): string {
  return (a ?? '') > (b ?? '') ? (a ?? '') : (b ?? '');
}

interface Cell {
  readonly field: string;
  readonly text: string;
}

/** Any variant and version: S0's own examples are no RFC 4122 UUIDs (reliability.md M11). */
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isGuid(text: string): boolean {
  return GUID.test(text);
}

function readGuid({ field, text }: Cell, what: string): Part<string> {
  if (isGuid(text)) return { value: text };
  return wrong(text === '' ? `${what}_missing` : `${what}_not_a_guid`, field);
}

function readWord<T extends string>(
  { field, text }: Cell,
  words: readonly T[],
  normalise: (text: string) => string,
  what: string,
): Part<T> {
  const word = words.find((each) => each === normalise(text));
  if (word !== undefined) return { value: word };
  return wrong(text === '' ? `${what}_missing` : `${what}_unknown`, field, words.join(', '));
}

const FLAGS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  '1': true,
  false: false,
  no: false,
  '0': false,
};

function readFlag({ field, text }: Cell): Part<boolean> {
  const word = text.toLowerCase();
  if (Object.hasOwn(FLAGS, word)) return { value: FLAGS[word] ?? false };
  return wrong(text === '' ? 'opt_in_missing' : 'opt_in_not_a_flag', field, 'true or false');
}

function readSource({ field, text }: Cell): Part<string> {
  if (text === '') return wrong('source_missing', field);
  if (text.length <= LONGEST_SOURCE) return { value: text };
  return wrong('source_too_long', field, `at most ${LONGEST_SOURCE} characters`);
}

function readTime({ field, text }: Cell, now: Date): Part<string> {
  if (text === '') return { value: null };
  const value = toUtcTimestamp(text);
  if (value === null)
    return wrong('timestamp_not_a_date', field, 'write 2024-11-01 or 2024-11-01T09:15:00+01:00');
  if (Date.parse(value) - now.getTime() > CLOCK_TOLERANCE_MS) return wrong('timestamp_in_future', field);
  return { value };
}

function wrong(code: string, field: string, message?: string): Part<never> {
  return { value: null, reason: { code, field, ...(message !== undefined && { message }) } };
}

/** A cell as text, trimmed; `null` written out in a CSV is nothing, as it is in JSON. */
function textOf(fields: Fields, column: string | undefined): string {
  const value = column !== undefined && Object.hasOwn(fields, column) ? fields[column] : undefined;
  if (value === undefined || value === null) return '';
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).trim();
  return text.toLowerCase() === 'null' ? '' : text;
}

// --- one item per contact and channel ------------------------------------------------------------------------

/** What makes two rows speak of the same: a contact and a channel. */
export function preferenceKey({ contactId, channel }: Pick<Preference, 'contactId' | 'channel'>): string {
  return `${contactId.toLowerCase()} ${channel}`;
}

/**
 * Orders the rows of one contact and channel as text: the greatest wins. First by the moment of the decision (the
 * consent or the withdrawal, not when somebody last touched the record, or an old consent would beat a newer
 * withdrawal), then the withdrawal, then `updatedAt`, then by content, so that the order of arrival never matters.
 */
export function rankOf(preference: Preference): string {
  const { optIn, consentTimestamp, updatedAt, regulatoryRegion, source, idempotencyKey } = preference;
  const rest = JSON.stringify([consentTimestamp, regulatoryRegion, source, idempotencyKey]);
  return `${momentOf(preference)} ${optIn ? 0 : 1} ${updatedAt} ${rest}`;
}

/** When the person said so. */
export function momentOf({ optIn, consentTimestamp, withdrawalTimestamp, updatedAt }: Preference): string {
  return (optIn ? consentTimestamp : withdrawalTimestamp) ?? updatedAt;
}
