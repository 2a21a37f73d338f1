/**
 * What a record has to be: cxone-api.md "contactlists", record rules. Strict beyond it in that unknown fields are
 * refused, so that a misspelt one shows. Written by hand: zod takes three times as long for 100 records.
 */
export interface RecordError {
  readonly code: string;
  readonly field: string;
  readonly message: string;
}

const E164 = /^\+[1-9]\d{1,14}$/;
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/;
const MAX_CONSENT_AGE_MS = 1_825 * 86_400_000;
/** **[ours]**: how far the clocks of two machines may differ. */
const CLOCK_SKEW_MS = 5 * 60_000;
const FIELDS = new Set(['contactId', 'phoneNumbers', 'customFields', 'consentTimestamp', 'optInStatus']);

export function recordErrors(
  record: unknown,
  nowMs: number,
  blockedNumbers: readonly string[] = [],
): RecordError[] {
  if (!isObject(record)) return [{ code: 'NOT_AN_OBJECT', field: '', message: 'must be an object' }];
  const errors: RecordError[] = [];
  const say = (code: string, field: string, message: string) => void errors.push({ code, field, message });
  const { contactId, phoneNumbers, customFields, consentTimestamp, optInStatus } = record;
  if (typeof contactId !== 'string' || contactId === '')
    say('CONTACT_ID_MISSING', 'contactId', 'is required');
  checkPhones(phoneNumbers, blockedNumbers, say);
  if (customFields !== undefined && !isObject(customFields)) {
    say('CUSTOM_FIELDS_INVALID', 'customFields', 'must be an object');
  }
  checkConsent(consentTimestamp, nowMs, say);
  if (optInStatus !== 'confirmed' && optInStatus !== 'pending') {
    say('OPT_IN_STATUS_INVALID', 'optInStatus', 'must be confirmed or pending');
  }
  for (const field in record) if (!FIELDS.has(field)) say('UNKNOWN_FIELD', field, 'is no field of a record');
  return errors;
}

type Say = (code: string, field: string, message: string) => void;

function checkPhones(phones: unknown, blocked: readonly string[], say: Say): void {
  if (!Array.isArray(phones) || phones.length === 0) {
    say('PHONE_NUMBERS_MISSING', 'phoneNumbers', 'needs at least one');
    return;
  }
  phones.forEach((phone: unknown, i) => {
    const { type, number } = isObject(phone) ? phone : {};
    if (typeof type !== 'string' || type === '')
      say('PHONE_TYPE_MISSING', `phoneNumbers[${i}].type`, 'is required');
    if (typeof number !== 'string' || !E164.test(number)) {
      say('PHONE_NOT_E164', `phoneNumbers[${i}].number`, 'must be E.164');
    } else if (blocked.includes(number)) {
      say('NUMBER_BLOCKED', `phoneNumbers[${i}].number`, 'is blocked by the tenant');
    }
  });
}

function checkConsent(consent: unknown, nowMs: number, say: Say): void {
  const field = 'consentTimestamp';
  const at = typeof consent === 'string' && ISO_DATE.test(consent) ? Date.parse(consent) : Number.NaN;
  if (Number.isNaN(at)) say('CONSENT_INVALID', field, 'must be a date of ISO 8601');
  else if (at > nowMs + CLOCK_SKEW_MS) say('CONSENT_IN_FUTURE', field, 'must not be in the future');
  else if (nowMs - at > MAX_CONSENT_AGE_MS + CLOCK_SKEW_MS)
    say('CONSENT_TOO_OLD', field, 'is older than 1825 days');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
