/** Shows our own suppression list, and what was taken off it. */
import { omitUndefined } from '../../domain/absent.ts';
import { CHANNELS, type Channel } from '../../domain/consent/eligibility.ts';
import { suppressionColumnOf } from '../../domain/consent/suppression-rows.ts';
import { parseExportedKey } from '../../domain/consent/suppressions.ts';
import { plural } from '../../domain/numbers.ts';
import { toUtcTimestamp } from '../../domain/timestamps.ts';
import type {
  ListedSuppression,
  ListPosition,
  SuppressionFilter,
} from '../../ledger/consent/suppressions.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { toPage } from '../../queries/page.ts';
import { showSuppression, toSuppressionDocument } from '../../queries/suppression-files.ts';
import { type Cli, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { type NextPage, renderNextPage } from '../render/next-page.ts';
import { renderListed, renderRemoved } from '../render/suppressions.ts';
import { formatTime } from '../terminal/format.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { checkSubject, SUBJECT_NAMES } from './suppression-subject.ts';

export interface ListSuppressionsOptions {
  readonly channel?: Channel;
  readonly reason?: string;
  readonly since?: string;
  /** The position of the last entry or removal of the previous page, as that page printed it. */
  readonly before?: string;
  readonly limit: number;
  readonly removed?: boolean;
  readonly json?: boolean;
}

interface Request extends ListSuppressionsOptions {
  readonly about: string | undefined;
  readonly filter: SuppressionFilter;
}

/** Throws UsageError, PepperMismatch. */
export async function listSuppressions(
  cli: Cli,
  about: string | undefined,
  options: ListSuppressionsOptions,
): Promise<ExitCode> {
  const print = options.removed === true ? removalsPrinter(options) : entriesPrinter(options);
  const request = { ...options, about, filter: toFilter(about, options) };
  await withSession(cli, ({ ledger }) => print(cli, ledger, request));
  return EXIT.ok;
}

type Printer = (cli: Cli, ledger: Ledger, request: Request) => Promise<void>;

/** Throws UsageError. */
function entriesPrinter({ before }: ListSuppressionsOptions): Printer {
  const after = before === undefined ? undefined : parsePosition(before);
  return async (cli, { suppressions, subjects }, request) => {
    const { filter, limit, json = false } = request;
    const { rows, older } = await toPage(await suppressions.newest(filter, limit, after), limit, (oldest) =>
      suppressions.count(filter, oldest),
    );
    const total = after === undefined ? rows.length + older : await suppressions.count(filter);
    const keyId = await subjects.keyId();
    const last = rows.at(-1);
    const next = older === 0 || !last ? null : formatPosition(last, keyId);
    if (json) {
      printJson(cli, {
        entries: rows.map((entry) => toSuppressionDocument(entry, keyId)),
        total,
        older,
        next,
      });
      return;
    }
    const { print, stream } = openOutput(cli);
    if (rows.length > 0) print(renderListed(rows, stream.columns));
    if (next !== null)
      print(`\n${renderNext(cli, request, { nouns: ['entry', 'entries'], older, before: next })}`);
    else {
      if (after !== undefined && rows.length === 0) print('there is no older entry');
      print(after === undefined ? describeTotal(total, filter) : `${plural(total, 'entry')} in all`);
    }
    if (filter.about === undefined || total > 0) return;
    const [removal] = await suppressions.removals(filter, 1);
    if (removal)
      print(`taken off the list on ${formatTime(removal.removedAt)} by ${printable(removal.removedBy)}`);
  };
}

const describeTotal = (total: number, { about }: SuppressionFilter): string =>
  total === 0 && about !== undefined
    ? `this ${SUBJECT_NAMES[suppressionColumnOf(about)]} is not on the list`
    : plural(total, 'entry');

/** Throws UsageError. */
function removalsPrinter({ before }: ListSuppressionsOptions): Printer {
  const below = before === undefined ? undefined : parseNumber(before);
  return async (cli, { suppressions, subjects }, request) => {
    const { filter, limit, json = false } = request;
    const { rows, older } = await toPage(
      await suppressions.removals(filter, limit, below),
      limit,
      ({ removalNo }) => suppressions.countRemovals(filter, removalNo),
    );
    const next = older === 0 ? null : (rows.at(-1)?.removalNo ?? null);
    if (json) {
      const keyId = await subjects.keyId();
      const removals = rows.map(({ removalNo, removedAt, removedBy, removedBecause, ...entry }) => ({
        ...toSuppressionDocument(entry, keyId),
        ...{ removalNo, removedAt, removedBy, removedBecause },
      }));
      printJson(cli, { removals, older, next });
      return;
    }
    const { print, stream } = openOutput(cli);
    if (rows.length > 0) print(renderRemoved(rows, stream.columns));
    else print(below === undefined ? 'nothing was taken off the list' : 'there is no older removal');
    if (next !== null)
      print(`\n${renderNext(cli, request, { nouns: ['removal', 'removals'], older, before: String(next) })}`);
  };
}

type Following = Pick<NextPage, 'nouns' | 'older' | 'before'>;

function renderNext(
  { command }: Cli,
  { about, limit, channel, reason, since, removed }: Request,
  following: Following,
): string {
  const words = ['suppressions', 'list', ...(about === undefined ? [] : [about])];
  const given = Object.entries(omitUndefined({ channel, reason, since }));
  const options = given.flatMap(([name, value]) => [`--${name}`, value]);
  const all = removed === true ? [...options, '--removed'] : options;
  return renderNextPage({ ...following, program: command, words, limit, options: all });
}

/** `2026-11-01T09:15:00.000Z,email.0123456789abcdef.…,sms` */
function formatPosition(entry: ListedSuppression, keyId: string): string {
  const shown = showSuppression(entry, keyId);
  return [shown.since, shown.entry, shown.channel].join(',');
}

/** Throws UsageError. */
function parsePosition(text: string): ListPosition {
  const [date = '', entry = '', name, ...more] = text.split(',');
  const since = toUtcTimestamp(date);
  const key = parseExportedKey(entry);
  const channel = CHANNELS.find((each) => each === name);
  if (since === null || !key || channel === undefined || more.length > 0)
    throw new UsageError('--before takes the position printed by the previous page');
  return { since: new Date(since), subject: key.subject, channel };
}

/** Throws UsageError. */
function parseNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError('--before takes the number of a removal, as the previous page printed it');
}

/** Throws UsageError. */
function toFilter(
  about: string | undefined,
  { channel, reason, since }: ListSuppressionsOptions,
): SuppressionFilter {
  if (about !== undefined) checkSubject(about);
  const from = since === undefined ? undefined : toUtcTimestamp(since);
  if (from === null)
    throw new UsageError('--since must be a date, such as 2026-11-01 or 2026-11-01T09:15:00Z');
  return omitUndefined({ about, channel, reason, since: from === undefined ? undefined : new Date(from) });
}
