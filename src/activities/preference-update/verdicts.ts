/** What becomes of an item, given the preference that CXone has on record for its contact and channel. Pure. */
import type { PreferenceItem, StoredPreference } from '../../cxone/preferences.ts';
import type { Outcome, Reason } from '../../domain/run.ts';
import { LATEST_TIMESTAMP } from '../../domain/timestamps.ts';

export type Verdict =
  | { readonly kind: 'send' }
  | {
      readonly kind: 'settle';
      readonly outcome: Outcome;
      readonly reason?: Reason;
      readonly evidence?: string;
      /** CXone's id of the preference that it is about. */
      readonly cxoneId?: string | null;
    };

/** Evidence of an outcome that was read from CXone after the batch. */
const READ_BACK_EVIDENCE = 'read_back';

export const SEND: Verdict = { kind: 'send' };

/**
 * Before the batch. What CXone has in every part is not sent again; what is unclear is sent, above all an objection.
 * @param again the item was sent before, so an identical preference may be our own
 */
export function judgeBeforeSending(
  item: PreferenceItem,
  stored: StoredPreference | null,
  { again }: Pick<ReadBackFacts, 'again'>,
): Verdict {
  if (!again && stored !== null && isIdentical(item, stored)) {
    const message = 'CXone has this preference already, so it was not sent';
    return settleAs('existing', { code: 'identical_in_cxone', message });
  }
  return guard(item, stored);
}

/** Only opt-ins are judged: an objection is sent in any case. */
function guard(item: PreferenceItem, stored: StoredPreference | null): Verdict {
  const withdrawnAt = stored === null ? null : findWithdrawal(stored);
  if (!item.optIn || withdrawnAt === null || isAfter(item.consentTimestamp, withdrawnAt)) return SEND;
  return settleAs('conflict', olderConsent(item, withdrawnAt));
}

/** The same for an objection on our own suppression list. */
export function guardAgainstObjection(item: PreferenceItem, since: Date): Verdict {
  if (!item.optIn || isAfter(item.consentTimestamp, since.toISOString())) return SEND;
  return settleAs('conflict', olderConsent(item, since.toISOString()));
}

function olderConsent({ consentTimestamp }: PreferenceItem, withdrawnAt: string): Reason {
  const message = `consent of ${consentTimestamp ?? '?'}, withdrawal of ${withdrawnAt}: the withdrawal wins`;
  return { code: 'older_than_withdrawal', field: 'consentTimestamp', message };
}

export interface ReadBackFacts {
  /** CXone has decided about the item, so it is not sent again. */
  readonly decided?: true;
  /** The item has been sent twice already. */
  readonly again?: true;
}

/** After a batch whose answer left the item open, or reported another choice than the one that was sent. */
export function judgeReadBack(
  item: PreferenceItem,
  stored: StoredPreference | null,
  { decided, again }: ReadBackFacts,
): Verdict {
  if (stored && isSame(item, stored))
    return { kind: 'settle', outcome: 'updated', evidence: READ_BACK_EVIDENCE };
  if (decided) return settleAs('conflict', differsFrom(stored, item));
  if (stored && supersedes(stored, item)) return settleAs('conflict', differsFrom(stored, item));
  if (!again) return SEND;
  return settleAs('rejected', {
    code: 'not_applied_unexplained',
    message: 'sent twice, and CXone does not have it',
  });
}

function differsFrom(stored: StoredPreference | null, item: PreferenceItem): Reason {
  const theirs = stored === null ? 'nothing on record' : describe(stored);
  return { code: 'newer_in_cxone', message: `ours: ${describe(item)}; CXone: ${theirs}` };
}

function describe(preference: PreferenceItem | StoredPreference): string {
  const { optIn, consentTimestamp, withdrawalTimestamp, updatedAt } = preference;
  return optIn
    ? `consent of ${consentTimestamp ?? updatedAt ?? '?'}`
    : `withdrawal of ${withdrawalTimestamp ?? updatedAt ?? '?'}`;
}

function supersedes(stored: StoredPreference, item: PreferenceItem): boolean {
  return guard(item, stored).kind === 'settle' || isAfter(stored.updatedAt, item.updatedAt);
}

/**
 * Does our own suppression list need an objection that CXone did not accept? Not if CXone has an objection of this contact
 * already, or a consent that is newer.
 */
export function needsSuppression(item: PreferenceItem, stored: StoredPreference | null): boolean {
  if (item.optIn) return false;
  if (stored === null) return true;
  return stored.optIn && !isAfter(stored.consentTimestamp, item.withdrawalTimestamp);
}

/** The date of a withdrawal in CXone that no newer consent supersedes; if it has none, the date of the last change. */
function findWithdrawal(stored: StoredPreference): string | null {
  const { optIn, consentTimestamp, withdrawalTimestamp, updatedAt } = stored;
  // Without any date the withdrawal counts as newer than every consent.
  if (!optIn) return withdrawalTimestamp ?? updatedAt ?? LATEST_TIMESTAMP;
  return withdrawalTimestamp !== null && !isAfter(consentTimestamp, withdrawalTimestamp)
    ? withdrawalTimestamp
    : null;
}

function isSame(item: PreferenceItem, stored: StoredPreference): boolean {
  return (
    stored.optIn === item.optIn &&
    isSameMoment(stored.consentTimestamp, item.consentTimestamp) &&
    isSameMoment(stored.withdrawalTimestamp, item.withdrawalTimestamp)
  );
}

/**
 * Sending the item would change nothing. An older `updatedAt` is no match: until ours is stored, a change that is older than
 * ours could overwrite the preference.
 */
function isIdentical(item: PreferenceItem, stored: StoredPreference): boolean {
  return (
    isSame(item, stored) &&
    stored.regulatoryRegion === item.regulatoryRegion &&
    stored.source === item.source &&
    stored.updatedAt !== null &&
    // False if the date cannot be read.
    Date.parse(stored.updatedAt) >= Date.parse(item.updatedAt)
  );
}

function isSameMoment(a: string | null, b: string | null): boolean {
  return a === b || (a !== null && b !== null && Date.parse(a) === Date.parse(b));
}

/** A missing or unreadable date is never after another one. */
function isAfter(a: string | null, b: string | null): boolean {
  if (a === null) return false;
  return b === null || Date.parse(a) > Date.parse(b);
}

function settleAs(outcome: Outcome, reason: Reason): Verdict {
  return { kind: 'settle', outcome, reason };
}
