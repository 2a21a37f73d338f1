/**
 * Decides whether a person may be reached on a channel now (docs/cxone-contract.md#eligibility). Everything that reaches
 * people uses this one table of rules. The first rule that applies determines the reason. These are engineering defaults,
 * not legal advice. Pure.
 */
import { CLOCK_TOLERANCE_MS, MS_PER_DAY, toUtcTimestamp } from '../timestamps.ts';

export const CHANNELS = ['email', 'sms', 'voice', 'webchat'] as const;
export type Channel = (typeof CHANNELS)[number];

export const REGIONS = ['GDPR', 'CCPA', 'TCPA', 'NONE'] as const;
export type Region = (typeof REGIONS)[number];

/** `strict` adds rules that the tutorials do not have. Each applies only if the record has the facts it needs. */
export const CONSENT_POLICIES = ['default', 'strict'] as const;
export type ConsentPolicy = (typeof CONSENT_POLICIES)[number];

/** To be raised with every change of the rules. Each answer has the version of the rules it was based on. */
export const RULE_VERSION = 'consent-2';

/** Has to be shown together with every reason. */
export const NOTICE = 'an engineering default, not legal advice';

/** When the GDPR took effect. A consent given at exactly that moment is sufficient. */
const GDPR_SINCE = '2018-05-25T00:00:00.000Z';
/** A consent of exactly this age is still valid. A limit of the contact import tutorial, not of the law. */
export const MAX_CONSENT_AGE_DAYS = 1_825;
/** Calls and messages are allowed from 8:00 until before 21:00 local time of the recipient (47 CFR 64.1200(c)(1)). */
const FIRST_HOUR = 8;
const LAST_HOUR = 21;

/** What CXone has on record for a contact and channel. Timestamps are as CXone returns them. */
export interface ConsentRecord {
  readonly optIn: boolean;
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  readonly regulatoryRegion: Region;
}

/** Everything the rules depend on. A fact that is missing is unknown, and rules of `strict` about it do not apply. */
export interface ConsentFacts {
  readonly channel: Channel;
  /** null: none on record. */
  readonly preference: ConsentRecord | null;
  /** Our own suppression list has an objection. This comes before all rules. */
  readonly suppressed?: boolean;
  /** As the record to be sent says. */
  readonly optInStatus?: 'confirmed' | 'pending';
  /** IANA name, e.g. `America/New_York`. */
  readonly timeZone?: string;
}

export type RuleReason =
  | 'invalid_timestamp'
  | 'no_consent_on_record'
  | 'ccpa_sale_opt_out'
  | 'explicit_opt_out'
  | 'withdrawal_supersedes_consent'
  | 'pending_confirmation'
  | 'gdpr_consent_insufficient'
  | 'tcpa_consent_missing'
  | 'consent_expired'
  | 'deferred_quiet_hours';

/** `no_contact_id`: there is no GUID to look up. `consent_unavailable`: the lookup failed. Both fail closed. */
export type EligibilityReason =
  | RuleReason
  | 'compliant'
  | 'suppressed'
  | 'no_contact_id'
  | 'consent_unavailable';

export interface Eligibility {
  readonly eligible: boolean;
  readonly reason: EligibilityReason;
  readonly ruleVersion: string;
  readonly policy: ConsentPolicy;
  /** When these facts were evaluated. ISO 8601, UTC. */
  readonly checkedAt: string;
  readonly facts: ConsentFacts;
  readonly notice: string;
}

/** The input of the rules: the facts, with the record's timestamps as numbers. */
interface RuleInput {
  readonly facts: ConsentFacts;
  readonly record: ConsentRecord | null;
  readonly consentMs: number | null;
  readonly withdrawalMs: number | null;
  readonly atMs: number;
}

interface Rule {
  readonly reason: RuleReason;
  /** Applies under `strict` only. */
  readonly strict?: true;
  readonly applies: (input: RuleInput) => boolean;
}

/** CCPA comes before the general opt-out: in the tutorial's order, its reason could never be returned. */
const RULES: readonly Rule[] = [
  { reason: 'invalid_timestamp', applies: hasInvalidTimestamp },
  { reason: 'no_consent_on_record', applies: ({ record }) => record === null },
  {
    reason: 'ccpa_sale_opt_out',
    applies: ({ record, withdrawalMs }) =>
      record?.regulatoryRegion === 'CCPA' && !record.optIn && withdrawalMs !== null,
  },
  { reason: 'explicit_opt_out', applies: ({ record }) => record?.optIn === false },
  {
    // A withdrawal without a consent on record supersedes whatever consent there was.
    reason: 'withdrawal_supersedes_consent',
    applies: ({ consentMs, withdrawalMs }) =>
      withdrawalMs !== null && withdrawalMs >= (consentMs ?? -Infinity),
  },
  {
    reason: 'pending_confirmation',
    strict: true,
    applies: ({ facts }) => facts.optInStatus === 'pending',
  },
  {
    reason: 'gdpr_consent_insufficient',
    applies: ({ record, consentMs }) =>
      record?.regulatoryRegion === 'GDPR' && (consentMs ?? -Infinity) < Date.parse(GDPR_SINCE),
  },
  {
    reason: 'tcpa_consent_missing',
    strict: true,
    applies: ({ record, facts, consentMs }) =>
      record?.regulatoryRegion === 'TCPA' && isByPhone(facts.channel) && consentMs === null,
  },
  {
    reason: 'consent_expired',
    strict: true,
    applies: ({ consentMs, atMs }) =>
      consentMs !== null && atMs - consentMs > MAX_CONSENT_AGE_DAYS * MS_PER_DAY,
  },
  { reason: 'deferred_quiet_hours', strict: true, applies: isInQuietHours },
];

/** The reasons of all rules, in order. */
export const RULE_REASONS: readonly RuleReason[] = RULES.map(({ reason }) => reason);

/** Depends on the facts and the time given, and on nothing else. */
export function evaluateEligibility(
  facts: ConsentFacts,
  at: Date,
  policy: ConsentPolicy = 'default',
): Eligibility {
  if (facts.suppressed) return createAnswer('suppressed', facts, at, policy);
  const record = facts.preference;
  const input: RuleInput = {
    facts,
    record,
    consentMs: parseTime(record?.consentTimestamp ?? null),
    withdrawalMs: parseTime(record?.withdrawalTimestamp ?? null),
    atMs: at.getTime(),
  };
  const rule = RULES.find(({ strict, applies }) => (policy === 'strict' || !strict) && applies(input));
  return createAnswer(rule?.reason ?? 'compliant', facts, at, policy);
}

/** For a person who could not be looked up: not eligible. */
export function failClosed(
  reason: 'no_contact_id' | 'consent_unavailable',
  facts: Pick<ConsentFacts, 'channel'>,
  at: Date,
  policy: ConsentPolicy = 'default',
): Eligibility {
  return createAnswer(reason, { ...facts, preference: null }, at, policy);
}

function createAnswer(
  reason: EligibilityReason,
  facts: ConsentFacts,
  at: Date,
  policy: ConsentPolicy,
): Eligibility {
  const checkedAt = at.toISOString();
  const eligible = reason === 'compliant';
  return { eligible, reason, ruleVersion: RULE_VERSION, policy, checkedAt, facts, notice: NOTICE };
}

/** null: there is none. NaN: it cannot be read. */
function parseTime(timestamp: string | null): number | null {
  if (timestamp === null) return null;
  const utc = toUtcTimestamp(timestamp.trim());
  return utc === null ? Number.NaN : Date.parse(utc);
}

function hasInvalidTimestamp({ consentMs, withdrawalMs, atMs }: RuleInput): boolean {
  return [consentMs, withdrawalMs].some(
    (ms) => ms !== null && (Number.isNaN(ms) || ms > atMs + CLOCK_TOLERANCE_MS),
  );
}

function isByPhone(channel: Channel): boolean {
  return channel === 'sms' || channel === 'voice';
}

function isInQuietHours({ facts: { channel, timeZone }, atMs }: RuleInput): boolean {
  if (timeZone === undefined || !isByPhone(channel)) return false;
  const hour = hourIn(timeZone, atMs);
  // In an unknown time zone it could be any hour.
  return hour === null || hour < FIRST_HOUR || hour >= LAST_HOUR;
}

function hourIn(timeZone: string, atMs: number): number | null {
  try {
    const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', hourCycle: 'h23' });
    return Number(format.format(atMs));
  } catch {
    return null;
  }
}
