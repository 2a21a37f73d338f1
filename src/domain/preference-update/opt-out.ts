/**
 * Finds the objection in a preference row, even in one that is invalid and will never be sent. What the row leaves open
 * counts against reaching the person. Pure.
 */
import { CHANNELS, type Channel } from '../consent/eligibility.ts';
import { toContactId } from '../contact-id.ts';
import { type Fields, readField } from '../fields.ts';
import { isExact, readChannel, readFlag, readText, readTime } from './cells.ts';

/** An objection. CXone may never learn of it, so it goes to our own suppression list. */
export interface OptOut {
  /** Not only GUIDs, because contact imports use other ids too. Several if the row has two keys for the id. */
  readonly contactIds: readonly string[];
  /** All channels if the row has none, or an unknown one. */
  readonly channels: readonly Channel[];
  /** ISO 8601; null: unknown. */
  readonly withdrawalTimestamp: string | null;
}

type DecisionField = 'contactId' | 'channel' | 'optIn' | 'consentTimestamp' | 'withdrawalTimestamp';

/** @param columnsOf the columns of a field, in NDJSON and JSON perhaps several; undefined: the row has none */
export function findOptOut(
  fields: Fields,
  columnsOf: (field: DecisionField) => readonly (string | undefined)[],
  now: Date,
): OptOut | null {
  const cells = (field: DecisionField) =>
    columnsOf(field).map((column) => ({ field, text: readText(fields, column) }));
  const times = (field: DecisionField) => cells(field).map((cell) => readTime(cell, now).value);
  const withdrawals = times('withdrawalTimestamp');
  const saysNo = cells('optIn').some((cell) => readFlag(cell).value === false);
  if (!saysNo && !isLatest(withdrawals, times('consentTimestamp'))) return null;
  const ids = columnsOf('contactId').filter((column) => isExact(readField(fields, column)));
  const contactIds = ids.map((column) => toContactId(readText(fields, column))).filter((id) => id !== '');
  if (contactIds.length === 0) return null;
  const channels = cells('channel').map((cell) => readChannel(cell).value);
  const known = channels.filter((channel) => channel !== null);
  const [withdrawalTimestamp = null, ...others] = withdrawals;
  return {
    contactIds: [...new Set(contactIds)],
    channels: known.length < channels.length ? CHANNELS : [...new Set(known)],
    withdrawalTimestamp: others.length > 0 ? null : withdrawalTimestamp,
  };
}

/**
 * The row has a withdrawal that no later consent follows, whatever else it says about the decision. ISO timestamps in UTC
 * sort like texts.
 */
function isLatest(withdrawals: readonly (string | null)[], consents: readonly (string | null)[]): boolean {
  const latest = (times: readonly (string | null)[]) =>
    times
      .map((time) => time ?? '')
      .sort()
      .at(-1) ?? '';
  return latest(withdrawals) !== '' && latest(withdrawals) >= latest(consents);
}
