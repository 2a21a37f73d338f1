/**
 * Finds the objection in a preference row, even in one that is invalid and will never be sent. What the row leaves open
 * counts against reaching the person. Pure.
 */
import { CHANNELS, type Channel } from '../consent/eligibility.ts';
import { contactIdProblem, guidsIn, toContactId } from '../contact-id.ts';
import { type Fields, readField } from '../fields.ts';
import { toUtcTimestamp } from '../timestamps.ts';
import { type Cell, isExact, readChannel, readText, readTime } from './cells.ts';
import { mayBeDate, readChoiceWords } from './decision.ts';

/** An objection. CXone may never learn of it, so it goes to our own suppression list. */
export interface OptOut {
  /** Not only GUIDs, because contact imports use other ids too. Several if the row has two keys for the id. */
  readonly contactIds: readonly string[];
  /** All channels if the row has none, or an unknown one. */
  readonly channels: readonly Channel[];
  /** ISO 8601; null: unknown. */
  readonly withdrawalTimestamp: string | null;
}

/** `nobody`: the row is an objection, but does not say whose, because its contact id is missing or cannot be read. */
export type FoundOptOut = OptOut | 'nobody' | null;

type DecisionField = 'contactId' | 'channel' | 'optIn' | 'consentTimestamp' | 'withdrawalTimestamp';
type ReadCells = (field: DecisionField) => readonly Cell[];

/** @param columnsOf the columns of a field, in NDJSON and JSON perhaps several; undefined: the row has none */
export function findOptOut(
  fields: Fields,
  columnsOf: (field: DecisionField) => readonly (string | undefined)[],
  now: Date,
): FoundOptOut {
  const cells: ReadCells = (field) =>
    columnsOf(field).map((column) => ({ field, text: readText(fields, column) }));
  if (!isObjection(cells, now)) return null;
  const ids = columnsOf('contactId').filter((column) => isExact(readField(fields, column)));
  // Of a text with several GUIDs, or with one among other text, nobody may be missed.
  const contactIds = ids
    .map((column) => readText(fields, column))
    .filter((id) => contactIdProblem(id) === null)
    .flatMap((id) => [toContactId(id), ...guidsIn(id)]);
  if (contactIds.length === 0) return 'nobody';
  const channels = cells('channel').map((cell) => readChannel(cell).value);
  const known = channels.filter((channel) => channel !== null);
  const [withdrawalTimestamp = null, ...others] = timesOf(cells('withdrawalTimestamp'), now);
  return {
    contactIds: [...new Set(contactIds)],
    channels: known.length < channels.length ? CHANNELS : [...new Set(known)],
    withdrawalTimestamp: others.length > 0 ? null : withdrawalTimestamp,
  };
}

/**
 * The row says no, or has a word that does; it has a withdrawal and something that is not clearly a yes; or a withdrawal that no
 * later consent follows, whatever it says. A date that cannot be read may be the latest of all.
 */
function isObjection(cells: ReadCells, now: Date): boolean {
  const decisions = cells('optIn').map(({ text }) => readChoiceWords(text));
  if (decisions.some((decision) => decision === 'no' || decision === 'mixed')) return true;
  const withdrawals = timesOf(cells('withdrawalTimestamp'), now);
  if (isLatest(withdrawals, timesOf(cells('consentTimestamp'), now))) return true;
  const dates = cells('withdrawalTimestamp').filter((cell) => isPastDate(cell, now));
  const isYes = decisions.every((decision) => decision === 'yes');
  return dates.some(({ text }) => !isYes || toUtcTimestamp(text) === null);
}

/** A withdrawal that lies in the future has not happened. */
function isPastDate(cell: Cell, now: Date): boolean {
  return mayBeDate(cell.text) && readTime(cell, now).reason?.code !== 'timestamp_in_future';
}

const timesOf = (cells: readonly Cell[], now: Date) => cells.map((cell) => readTime(cell, now).value);

/** ISO timestamps in UTC sort like texts. */
function isLatest(withdrawals: readonly (string | null)[], consents: readonly (string | null)[]): boolean {
  const latest = (times: readonly (string | null)[]) =>
    times
      .map((time) => time ?? '')
      .sort()
      .at(-1) ?? '';
  return latest(withdrawals) !== '' && latest(withdrawals) >= latest(consents);
}
