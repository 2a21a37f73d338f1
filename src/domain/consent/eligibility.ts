/**
 * May this person be reached on this channel now? One table of rules for every path that reaches people; pure. The
 * first rule that applies gives the reason. Engineering defaults, not legal advice.
 * Source: cxone-api.md "preferences (S0)", decisions.md 23, reliability.md §6.1.
 */
import { MS_PER_DAY, toUtcTimestamp } from '../timestamps.ts';

export const CHANNELS = ['email', 'sms', 'voice', 'webchat'] as const;
export type Channel = (typeof CHANNELS)[number];

export const REGIONS = ['GDPR', 'CCPA', 'TCPA', 'NONE'] as const;
export type Region = (typeof REGIONS)[number];

/** `strict` adds rules that the tutorials do not have, each only for facts that the record carries. */
export const CONSENT_POLICIES = ['default', 'strict'] as const;
export type ConsentPolicy = (typeof CONSENT_POLICIES)[number];

/** Raised by every change to the table: an answer says by which rules it was given. */
export const RULE_VERSION = 'consent-1';

/** To be shown wherever a reason is. */
export const NOTICE = 'an engineering default, not legal advice';

/** From here on the GDPR applies; a consent of exactly that moment counts. Source: S0. */
export const GDPR_SINCE = '2018-05-25T00:00:00.000Z';
/** Exactly so old passes. A house rule of S1, not a law. */
export const LONGEST_CONSENT_DAYS = 1_825;
/** A clock of another machine may be so far ahead of ours. Source: reliability.md §6. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;
/** Calls and messages from 8:00 until before 21:00, where the recipient is. Source: 47 CFR 64.1200(c)(1). */
export const FIRST_HOUR = 8;
export const LAST_HOUR = 21;

/** What CXone has on record of one contact and channel. Timestamps as CXone has them. */
export interface ConsentRecord {
  readonly optIn: boolean;
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  readonly regulatoryRegion: Region;
}

/** All that the rules look at. What is left out is not known, and no rule of `strict` looks at it then. */
export interface ConsentFacts {
  readonly channel: Channel;
  /** null: none on record. */
  readonly preference: ConsentRecord | null;
  /** Does our own suppression list have them? Its check comes before the table. */
  readonly suppressed?: boolean;
  /** As the record that is to be sent has it. */
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

/** `no_contact_id`: no GUID to ask for. `consent_unavailable`: the answer was not to be had; both fail closed. */
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
  /** ISO 8601, UTC: when these facts were judged. */
  readonly checkedAt: string;
  readonly facts: ConsentFacts;
  readonly notice: string;
}

/** What the rules see: the record's timestamps as numbers. */
interface Judged {
  readonly facts: ConsentFacts;
  readonly record: ConsentRecord | null;
  readonly consentMs: number | null;
  readonly withdrawalMs: number | null;
  readonly atMs: number;
}

interface Rule {
  readonly reason: RuleReason;
  /** Under `strict` only. */
  readonly strict?: true;
  readonly applies: (judged: Judged) => boolean;
}

/** S0 tests `optIn` before the region, so that its CCPA reason can never be reached; here it can. */
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
    // A withdrawal without a consent supersedes whatever consent there was.
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
      consentMs !== null && atMs - consentMs > LONGEST_CONSENT_DAYS * MS_PER_DAY,
  },
  { reason: 'deferred_quiet_hours', strict: true, applies: isInQuietHours },
];

/** All reasons that the table can give, in its order. */
export const RULE_REASONS: readonly RuleReason[] = RULES.map(({ reason }) => reason);

/** By the facts given and at that moment; nothing else counts. */
export function evaluateEligibility(
  facts: ConsentFacts,
  at: Date,
  policy: ConsentPolicy = 'default',
): Eligibility {
  if (facts.suppressed) return answer('suppressed', facts, at, policy);
  const record = facts.preference;
  const judged: Judged = {
    facts,
    record,
    consentMs: timeOf(record?.consentTimestamp ?? null),
    withdrawalMs: timeOf(record?.withdrawalTimestamp ?? null),
    atMs: at.getTime(),
  };
  const rule = RULES.find(({ strict, applies }) => (policy === 'strict' || !strict) && applies(judged));
  return answer(rule?.reason ?? 'compliant', facts, at, policy);
}

/** Fail closed: what could not be asked is a no. */
export function unavailable(
  reason: 'no_contact_id' | 'consent_unavailable',
  facts: Pick<ConsentFacts, 'channel'>,
  at: Date,
  policy: ConsentPolicy = 'default',
): Eligibility {
  return answer(reason, { ...facts, preference: null }, at, policy);
}

function answer(
  reason: EligibilityReason,
  facts: ConsentFacts,
  at: Date,
  policy: ConsentPolicy,
): Eligibility {
  const checkedAt = at.toISOString();
  const eligible = reason === 'compliant';
  return { eligible, reason, ruleVersion: RULE_VERSION, policy, checkedAt, facts, notice: NOTICE };
}

/** NaN: there is one, and it is no point in time. */
function timeOf(timestamp: string | null): number | null {
  if (timestamp === null) return null;
  const utc = toUtcTimestamp(timestamp.trim());
  return utc === null ? Number.NaN : Date.parse(utc);
}

function hasInvalidTimestamp({ consentMs, withdrawalMs, atMs }: Judged): boolean {
  return [consentMs, withdrawalMs].some(
    (ms) => ms !== null && (Number.isNaN(ms) || ms > atMs + CLOCK_TOLERANCE_MS),
  );
}

function isByPhone(channel: Channel): boolean {
  return channel === 'sms' || channel === 'voice';
}

function isInQuietHours({ facts: { channel, timeZone }, atMs }: Judged): boolean {
  if (timeZone === undefined || !isByPhone(channel)) return false;
  const hour = hourIn(timeZone, atMs);
  // A zone that nobody knows: when it is day there cannot be said.
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
