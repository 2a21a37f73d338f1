/** What a preference has to be: cxone-api.md "preferences", rules. Unknown fields are refused, so that a misspelt one shows. */
import { CHANNELS, REGIONS } from '../cxone/preferences.wire.ts';

export interface PreferenceError {
  readonly code: string;
  readonly field: string;
  readonly message: string;
}

/** Any GUID: S0's own samples are no UUIDs by their variant bits. */
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ISO_UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;
/** S0's schema. */
const MAX_SOURCE_LENGTH = 50;
/** **[ours]**: how far the clocks of two machines may differ. */
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
  const say: Say = (code, field, message) => void errors.push({ code, field, message });
  checkValues(fields, say);
  checkTimes(fields, nowMs, say);
  checkConsent(fields, say);
  for (const field in fields)
    if (!FIELDS.has(field)) say('UNKNOWN_FIELD', field, 'is no field of a preference');
  return errors;
}

type Say = (code: string, field: string, message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

function checkValues(fields: Fields, say: Say): void {
  const { source, optIn, regulatoryRegion } = fields;
  if (!isGuid(fields['contactId'])) say('CONTACT_ID_INVALID', 'contactId', 'must be a GUID');
  if (!isChannel(fields['channel']))
    say('CHANNEL_INVALID', 'channel', `must be one of ${CHANNELS.join(', ')}`);
  if (typeof optIn !== 'boolean') say('OPT_IN_INVALID', 'optIn', 'must be true or false');
  if (!REGIONS.some((region) => region === regulatoryRegion))
    say('REGION_INVALID', 'regulatoryRegion', `must be one of ${REGIONS.join(', ')}`);
  if (typeof source !== 'string' || source.length > MAX_SOURCE_LENGTH)
    say('SOURCE_INVALID', 'source', `must be text of at most ${MAX_SOURCE_LENGTH} characters`);
  if (!isGuid(fields['idempotencyKey'])) say('ITEM_KEY_INVALID', 'idempotencyKey', 'must be a GUID');
}

function checkTimes(fields: Fields, nowMs: number, say: Say): void {
  for (const field of ['consentTimestamp', 'withdrawalTimestamp', 'updatedAt']) {
    const value = fields[field];
    if (value === null && field !== 'updatedAt') continue;
    const at = typeof value === 'string' && ISO_UTC.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(at)) say('TIMESTAMP_INVALID', field, 'must be a date and time of ISO 8601 in UTC');
    else if (at > nowMs + CLOCK_SKEW_MS) say('TIMESTAMP_IN_FUTURE', field, 'must not be in the future');
  }
}

/** S0's refinements as cxone-api.md mends them: a missing consent is an error of an opt-in, and of anything under GDPR. */
function checkConsent(
  { optIn, consentTimestamp, withdrawalTimestamp, regulatoryRegion }: Fields,
  say: Say,
): void {
  const isGdpr = regulatoryRegion === 'GDPR';
  if (consentTimestamp === null && (isGdpr || optIn === true)) {
    const why = isGdpr ? 'GDPR needs it' : 'an opt-in needs it';
    say('CONSENT_MISSING', 'consentTimestamp', why);
  }
  if (optIn === true && withdrawalTimestamp !== null)
    say('WITHDRAWAL_OF_OPT_IN', 'withdrawalTimestamp', 'an opt-in has none');
  if (optIn === false && withdrawalTimestamp === null)
    say('WITHDRAWAL_MISSING', 'withdrawalTimestamp', 'an opt-out needs it');
}
