/** The rules of preference rows (tutorial S0, cxone-api.md "preferences", decisions.md 24 and 25). Pure. */
import { type Audience, type ColumnMap, matchColumns, describeColumnProblems } from '../columns.ts';
import { type Channel, CHANNELS, type Region, REGIONS } from '../consent/eligibility.ts';
import {
  isExact,
  type Part,
  readFlag,
  readGuid,
  readSource,
  readTime,
  readWord,
  textOf,
  valueOf,
} from './cells.ts';
import type { Reason } from '../run.ts';

export { isGuid, MAX_SOURCE_CHARACTERS, NO, YES } from './cells.ts';

/** The most items of one request. Source: S0. */
export const PREFERENCES_PER_BATCH = 100;
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
  const all = describeColumnProblems({ problems, missing, columns, likely: () => rest[0], audience });
  return all.length > 0 ? { problems: all } : { columns: found };
}

/** For NDJSON, whose columns are not known beforehand: the fields of the map that do not exist. */
export function preferenceMapProblems(map: ColumnMap): readonly string[] {
  return matchColumns(Object.values(map), PREFERENCE_FIELDS, map).problems.map(({ message }) => message);
}

/** What a row says, each part with what is wrong with it. */
interface Parts {
  /** Whom the row speaks of, a GUID or not; null: it does not say, or not exactly. */
  readonly whom: string | null;
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
    ...listParts(parts).flatMap(({ reason }) => (reason ? [reason] : [])),
    ...contradictions(parts, from),
  ];
  if (reasons.length === 0) return ofValid(parts, from);
  return { reasons, optOut: unambiguous(findOptOut(parts), new Set(ambiguous.map(({ field }) => field))) };
}

const listParts = ({ whom: _, ...parts }: Parts): readonly Part<unknown>[] => Object.values(parts);

/** Two keys for something else leave it clear who said no, and to what; two dates are as good as none. */
function unambiguous(optOut: UnsentOptOut | null, fields: ReadonlySet<string>): UnsentOptOut | null {
  if (optOut === null || ['contactId', 'channel', 'optIn'].some((field) => fields.has(field))) return null;
  return fields.has('withdrawalTimestamp') ? { ...optOut, withdrawalTimestamp: null } : optOut;
}

function readParts(fields: Fields, from: PreferenceColumns, now: Date): Parts {
  const cell = (field: Field) => ({ field: from.get(field) ?? field, text: textOf(fields, from.get(field)) });
  const time = (field: Field) => readTime(cell(field), now);
  return {
    whom: isExact(valueOf(fields, from.get('contactId'))) ? cell('contactId').text || null : null,
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
    updatedAt: parts.updatedAt.value ?? later(parts.consent.value, parts.withdrawal.value),
  };
  const optOut = findOptOut(parts);
  // The vendor refuses it; a date that nobody gave is not invented (decisions.md 24).
  if (optOut === null || preference.regulatoryRegion !== 'GDPR' || preference.consentTimestamp !== null)
    return { preference };
  const field = from.get('consentTimestamp') ?? 'consentTimestamp';
  const message =
    'CXone wants the date of the consent that is withdrawn; the objection is on our own suppression list';
  return { preference, refusedFor: { code: 'gdpr_needs_consent_date', field, message }, optOut };
}

/**
 * Whatever else is wrong with a row: whom it concerns, where, and that they said no is known. CXone takes GUIDs only;
 * our own list takes any id, for imports have contacts with ids of their own and ask it for them.
 */
function findOptOut({ whom, contactId, channel, optIn, withdrawal }: Parts): UnsentOptOut | null {
  const id = contactId.value ?? whom;
  if (optIn.value !== false || id === null || channel.value === null) return null;
  return { contactId: id, channel: channel.value, withdrawalTimestamp: withdrawal.value };
}

/** Both ISO in UTC of one length: as text as in time. */
function later(a: string | null, b: string | null): string {
  return (a ?? '') > (b ?? '') ? (a ?? '') : (b ?? '');
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
export function rankPreference(preference: Preference): string {
  const { optIn, consentTimestamp, updatedAt, regulatoryRegion, source, idempotencyKey } = preference;
  const rest = JSON.stringify([consentTimestamp, regulatoryRegion, source, idempotencyKey]);
  return `${decisionTime(preference)} ${optIn ? 0 : 1} ${updatedAt} ${rest}`;
}

/** When the person said so. */
export function decisionTime({
  optIn,
  consentTimestamp,
  withdrawalTimestamp,
  updatedAt,
}: Preference): string {
  return (optIn ? consentTimestamp : withdrawalTimestamp) ?? updatedAt;
}
