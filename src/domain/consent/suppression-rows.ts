/** What people add to our own suppression list, one entry at a time or as rows of a file (docs/consent.md#entries). Pure. */
import { type ColumnMap, matchColumns } from '../columns.ts';
import { contactIdProblem } from '../contact-id.ts';
import { readEmailAddress } from '../email-address.ts';
import { type Fields, readField, toText } from '../fields.ts';
import { peopleIn } from '../identifiers.ts';
import { withoutInvisible } from '../invisible.ts';
import { normalizePhone } from '../phone.ts';
import { TEXT_RULES, textProblem } from '../text.ts';
import { CLOCK_TOLERANCE_MS, toUtcTimestamp } from '../timestamps.ts';
import { CHANNELS, type Channel } from './eligibility.ts';
import { readSuppressionEntry, suppressionColumnProblems } from './suppression-file.ts';
import {
  ERASED,
  HARD_BOUNCE,
  parseExportedKey,
  type SuppressionKind,
  type SuppressionTarget,
} from './suppressions.ts';

/** About somebody, or about whom an exported keyed hash is. */
export type EntryTarget = SuppressionTarget | { readonly kind: SuppressionKind; readonly subject: string };

export interface SuppressionRow {
  readonly target: EntryTarget;
  readonly channel: Channel;
  readonly reason: string;
  readonly code: string | null;
  /** ISO 8601, UTC */
  readonly since: string;
}

/** A row stands for one entry for everybody it names and each of its channels. Problems are sentences without a value. */
export type ReadSuppressionRow =
  | { readonly entries: readonly SuppressionRow[] }
  | { readonly problems: readonly string[] };

export interface SuppressionRowRules {
  /** Of the ledger (SubjectKeys.keyId). Hashes under another one are refused. */
  readonly keyId: string;
  /** A date may not be later. */
  readonly now: Date;
  /** Of rows that have none. */
  readonly reason: string;
}

/** Columns beside those that name somebody. `entry` is the keyed hash of an export. */
const FIELDS = ['entry', 'email', 'phone', 'contactId', 'country', 'channel', 'reason', 'code', 'since'];

/** What is wrong with the header of a file; null: it has none, and each row has its own keys. */
export function suppressionHeaderProblems(
  columns: readonly string[] | null,
  map: ColumnMap = {},
): readonly string[] {
  if (columns === null) return [];
  const { problems, found } = matchColumns(columns, FIELDS, map);
  if (problems.length > 0) return problems.map(({ message }) => message);
  if (found.has('entry')) return [];
  return suppressionColumnProblems(columns.map((column) => nameOf(column, found)));
}

/**
 * Converts a row, or returns everything that is wrong with it. A row without a channel counts on every channel, a bounce on email.
 * Without a date, it is of now.
 */
export function readSuppressionRow(
  given: Fields,
  map: ColumnMap,
  rules: SuppressionRowRules,
): ReadSuppressionRow {
  const columns = Object.keys(given);
  const { problems: ambiguous, found } = matchColumns(columns, FIELDS, onlyKnown(map, columns));
  if (ambiguous.length > 0) return { problems: ambiguous.map(({ message }) => message) };
  const fields = Object.fromEntries(
    columns.map((column) => [nameOf(column, found), readField(given, column)]),
  );
  const text = (field: string) => toText(readField(fields, field)).trim();
  const reason = text('reason') || rules.reason;
  const parts = [
    readTargets(fields, text('entry'), rules.keyId),
    readChannels(text('channel'), reason),
    readReason(reason),
    readCode(text('code')),
    readSince(text('since'), rules.now),
  ] as const;
  const [targets, channels, , code, since] = parts;
  const problems = [
    ...parts.flatMap((part) => part.problems),
    ...misusedReason(reason, targets.value, channels.value),
  ];
  if (problems.length > 0) return { problems };
  const rest = { reason, code: code.value, since: since.value };
  return {
    entries: targets.value.flatMap((target) =>
      channels.value.map((channel) => ({ target, channel, ...rest })),
    ),
  };
}

/** The column for what somebody has typed: an address, a number with its country code, or else a contact id. */
export function suppressionColumnOf(text: string): 'email' | 'phone' | 'contactId' {
  if (text.includes('@')) return 'email';
  return text.trim().startsWith('+') ? 'phone' : 'contactId';
}

/**
 * Digits grouped as people write phone numbers, without `+` and a country code: `0171 2345678`, `(415) 555-0101`, `415-555-0101`.
 * Taken for a contact id, such a text would suppress nobody. Ids have hyphens and dots as well, so these count only where North
 * Americans put them.
 */
export function lacksCountryCode(text: string): boolean {
  const plain = withoutInvisible(text).trim();
  const digits = plain.replace(/\D/g, '').length;
  if (digits < 6 || digits > 15) return false;
  return /^\d[\d().\s/-]*[\s()/][\d().\s/-]*$|^\([\d().\s/-]+$|^(?:1[.-])?\d{3}[.-]\d{3}[.-]\d{4}$/.test(
    plain,
  );
}

/** Why a reason cannot be kept; null: it can. It is kept for years, in places that an erasure does not reach. */
export function suppressionReasonProblem(reason: string): string | null {
  if (peopleIn(reason).length > 0) return 'must not have an address or a number: it is kept after an erasure';
  return textProblem(reason, TEXT_RULES.note);
}

interface Part<T> {
  readonly value: T;
  readonly problems: readonly string[];
}

const ok = <T>(value: T): Part<T> => ({ value, problems: [] });
const wrong = <T>(value: T, ...problems: readonly string[]): Part<T> => ({ value, problems });

function nameOf(column: string, found: ReadonlyMap<string, string>): string {
  return [...found].find(([, each]) => each === column)?.[0] ?? column;
}

/** Rows of NDJSON need not have every column of the map. */
function onlyKnown(map: ColumnMap, columns: readonly string[]): ColumnMap {
  return Object.fromEntries(Object.entries(map).filter(([, column]) => columns.includes(column)));
}

function readTargets(fields: Fields, exported: string, keyId: string): Part<readonly EntryTarget[]> {
  const { phoneNumber, emailAddress, contactId, country, isPartial } = readSuppressionEntry(fields);
  const read = [
    ...[emailAddress ?? []].flat().map(readEmail),
    ...[phoneNumber ?? []].flat().map((text) => readPhone(text, [country ?? []].flat().join(' '))),
    ...[contactId ?? []].flat().map(readContactId),
    ...(exported === '' ? [] : [readExported(exported, keyId)]),
  ];
  const problems = read.flatMap((each) => ('problem' in each ? [each.problem] : []));
  if (isPartial) problems.push('has a column that seems to name somebody and cannot be read');
  if (read.length === 0 && !isPartial)
    problems.push('names nobody: it needs an email, a phone, a contactId, or the entry of an export');
  return { value: read.flatMap((each) => ('target' in each ? [each.target] : [])), problems };
}

function readEmail(text: string) {
  const read = readEmailAddress(text);
  if ('reason' in read) return { problem: `email ${read.reason.message}` };
  return { target: { kind: 'email', value: read.mailbox } as const };
}

function readPhone(text: string, country: string) {
  const number = normalizePhone(text.trim(), country);
  if (number === null)
    return { problem: 'phone is not one possible number with its country code, such as +14155550101' };
  return { target: { kind: 'phone', value: number } as const };
}

function readContactId(text: string) {
  const problem = contactIdProblem(text);
  if (problem !== null) return { problem: `contactId ${problem.message ?? 'is missing'}` };
  return { target: { kind: 'contact', value: text } as const };
}

function readExported(text: string, keyId: string) {
  const key = parseExportedKey(text);
  if (key === null) return { problem: 'entry is not from an export: restore it, or give the email or phone' };
  if (key.keyId !== keyId)
    return {
      problem:
        'entry is from another ledger or was made with another CXFLOW_PEPPER, and would match nobody here; give the email, phone or contactId',
    };
  return { target: { kind: key.kind, subject: key.subject } };
}

function readChannels(text: string, reason: string): Part<readonly Channel[]> {
  if (text === '' && reason === HARD_BOUNCE) return ok(['email']);
  if (text === '' || text.toLowerCase() === 'all') return ok(CHANNELS);
  const names = text.split(/[;,]/).map((name) => name.trim().toLowerCase());
  const channels = CHANNELS.filter((channel) => names.includes(channel));
  if (channels.length === new Set(names).size) return ok(channels);
  return wrong([], `channel must be all, or some of ${CHANNELS.join(', ')}`);
}

function readReason(reason: string): Part<string> {
  const problem = suppressionReasonProblem(reason);
  return problem === null ? ok(reason) : wrong(reason, `reason ${problem}`);
}

const CODE = /^[\w.:-]{1,40}$/;

function readCode(text: string): Part<string | null> {
  if (text === '') return ok(null);
  return CODE.test(text) ? ok(text) : wrong(null, 'code must be a short code without blanks, such as 5.1.1');
}

function readSince(text: string, now: Date): Part<string> {
  if (text === '') return ok(now.toISOString());
  const since = toUtcTimestamp(text);
  if (since === null) return wrong('', 'since must be a date, such as 2026-11-01 or 2026-11-01T09:15:00Z');
  return Date.parse(since) > now.getTime() + CLOCK_TOLERANCE_MS
    ? wrong('', 'since must not be in the future')
    : ok(since);
}

/** Two reasons mean something to the list. */
function misusedReason(
  reason: string,
  targets: readonly EntryTarget[],
  channels: readonly Channel[],
): readonly string[] {
  if (reason === ERASED && targets.some((target) => 'value' in target))
    return [`reason ${ERASED} is for people who were erased; use erase instead`];
  const isAboutEmail =
    targets.every(({ kind }) => kind === 'email') && channels.every((each) => each === 'email');
  if (reason === HARD_BOUNCE && !isAboutEmail)
    return [`reason ${HARD_BOUNCE} is for email addresses, on the channel email`];
  return [];
}
