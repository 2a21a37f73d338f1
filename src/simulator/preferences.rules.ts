/** The rules of a preference (docs/cxone-contract.md#preference-rules). Rejects unknown fields too, to expose typos. */
import { CHANNELS, REGIONS } from '../cxone/preferences.wire.ts';

export interface PreferenceError {
  readonly code: string;
  readonly field: string;
  readonly message: string;
}

/** Any GUID: the preferences tutorial's own samples are not RFC 4122 UUIDs. */
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ISO_UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;
/** The most characters of a source (docs/cxone-contract.md#preference-rules). */
const MAX_SOURCE_LENGTH = 50;
/** How far the clocks of two machines may differ. Our reading: the tutorials have no tolerance. */
const CLOCK_SKEW_MS = 5 * 60_000;
const FIELDS = new Set([
  'contactId',
  'channel',
  'optIn',
  'consentTimestamp',
  'withdrawalTimestamp',
  'regulatoryRegion',
  'source',
  'idempotencyKey',
  'updatedAt',
]);

export function isGuid(value: unknown): boolean {
  return typeof value === 'string' && GUID.test(value);
}

export function isChannel(value: unknown): boolean {
  return CHANNELS.some((channel) => channel === value);
}

export function preferenceErrors(item: unknown, nowMs: number): PreferenceError[] {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    return [{ code: 'NOT_AN_OBJECT', field: '', message: 'must be an object' }];
  }
  const fields = item as Readonly<Record<string, unknown>>;
  const errors: PreferenceError[] = [];
  const report: Report = (code, field, message) => void errors.push({ code, field, message });
  checkValues(fields, report);
  checkTimes(fields, nowMs, report);
  checkConsent(fields, report);
  for (const field in fields)
    if (!FIELDS.has(field)) report('UNKNOWN_FIELD', field, 'is not a field of a preference');
  return errors;
}

type Report = (code: string, field: string, message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

function checkValues(fields: Fields, report: Report): void {
  const { source, optIn, regulatoryRegion } = fields;
  if (!isGuid(fields['contactId'])) report('CONTACT_ID_INVALID', 'contactId', 'must be a GUID');
  if (!isChannel(fields['channel']))
    report('CHANNEL_INVALID', 'channel', `must be one of ${CHANNELS.join(', ')}`);
  if (typeof optIn !== 'boolean') report('OPT_IN_INVALID', 'optIn', 'must be true or false');
  if (!REGIONS.some((region) => region === regulatoryRegion))
    report('REGION_INVALID', 'regulatoryRegion', `must be one of ${REGIONS.join(', ')}`);
  if (typeof source !== 'string' || source.length > MAX_SOURCE_LENGTH)
    report('SOURCE_INVALID', 'source', `must be text of at most ${MAX_SOURCE_LENGTH} characters`);
  if (!isGuid(fields['idempotencyKey'])) report('ITEM_KEY_INVALID', 'idempotencyKey', 'must be a GUID');
}

function checkTimes(fields: Fields, nowMs: number, report: Report): void {
  for (const field of ['consentTimestamp', 'withdrawalTimestamp', 'updatedAt']) {
    const value = fields[field];
    if (value === null && field !== 'updatedAt') continue;
    const at = typeof value === 'string' && ISO_UTC.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(at)) report('TIMESTAMP_INVALID', field, 'must be an ISO 8601 date and time in UTC');
    else if (at > nowMs + CLOCK_SKEW_MS) report('TIMESTAMP_IN_FUTURE', field, 'must not be in the future');
  }
}

/** Rules across fields: an opt-in needs a consent date, and under GDPR so does an opt-out. */
function checkConsent(
  { optIn, consentTimestamp, withdrawalTimestamp, regulatoryRegion }: Fields,
  report: Report,
): void {
  const isGdpr = regulatoryRegion === 'GDPR';
  if (consentTimestamp === null && (isGdpr || optIn === true)) {
    const why = isGdpr ? 'is required under GDPR' : 'is required for an opt-in';
    report('CONSENT_MISSING', 'consentTimestamp', why);
  }
  if (optIn === true && withdrawalTimestamp !== null)
    report('WITHDRAWAL_OF_OPT_IN', 'withdrawalTimestamp', 'must be null for an opt-in');
  if (optIn === false && withdrawalTimestamp === null)
    report('WITHDRAWAL_MISSING', 'withdrawalTimestamp', 'is required for an opt-out');
}
