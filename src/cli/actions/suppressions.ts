/** Adds entries about somebody to our own suppression list, and takes entries off it. */
import { omitUndefined } from '../../domain/absent.ts';
import type { Channel } from '../../domain/consent/eligibility.ts';
import {
  readSuppressionRow,
  suppressionColumnOf,
  suppressionReasonProblem,
} from '../../domain/consent/suppression-rows.ts';
import { ERASED } from '../../domain/consent/suppressions.ts';
import { plural } from '../../domain/numbers.ts';
import { TEXT_RULES, textProblem } from '../../domain/text.ts';
import type { ListedSuppression } from '../../ledger/consent/suppressions.ts';
import { toSuppressionDocument } from '../../queries/suppression-files.ts';
import { type Cli, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { describeAdded } from '../render/suppressions.ts';
import { formatTime } from '../terminal/format.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { checkSubject, SUBJECT_NAMES } from './suppression-subject.ts';

export interface AddSuppressionOptions {
  readonly channel?: string;
  readonly reason: string;
  readonly code?: string;
  readonly since?: string;
  readonly by: string;
  readonly json?: boolean;
}

export interface RemoveSuppressionOptions {
  readonly channel?: Channel;
  readonly listedFor?: string;
  readonly reason: string;
  readonly by: string;
  readonly json?: boolean;
}

/** Throws UsageError, PepperMismatch. */
export async function addSuppression(
  cli: Cli,
  about: string,
  { json = false, by, reason, channel, code, since }: AddSuppressionOptions,
): Promise<ExitCode> {
  checkSubject(about);
  checkDecision(by, reason);
  return withSession(cli, async ({ ledger: { suppressions, subjects } }) => {
    const fields = { [suppressionColumnOf(about)]: about, channel, reason, code, since };
    const rules = { keyId: await subjects.keyId(), now: new Date(), reason };
    const read = readSuppressionRow(fields, {}, rules);
    if ('problems' in read) throw new UsageError(read.problems.join('; '));
    const added = await suppressions.addEntries([read.entries], { by, reason });
    const { print } = openOutput(cli, json);
    const channels = read.entries.map((entry) => entry.channel);
    print(`this ${SUBJECT_NAMES[suppressionColumnOf(about)]}, on ${channels.join(', ')}:`);
    for (const line of describeAdded(added)) print(line);
    if (json) printJson(cli, { about: suppressionColumnOf(about), channels, ...added });
    return added.ineffective > 0 ? EXIT.needsAttention : EXIT.ok;
  });
}

/** Throws UsageError, if it is not clear which entries are meant, and PepperMismatch. */
export async function removeSuppression(
  cli: Cli,
  about: string,
  { channel, listedFor, reason, by, json = false }: RemoveSuppressionOptions,
): Promise<ExitCode> {
  checkSubject(about);
  checkDecision(by, reason);
  const filter = { about, ...omitUndefined({ channel, reason: listedFor }) };
  return withSession(cli, async ({ ledger: { suppressions, subjects } }) => {
    const found = await suppressions.newest(filter, MAX_ENTRIES_OF_ONE);
    requireOneReason(found);
    const removed = await suppressions.remove(found, { by, reason });
    const { print } = openOutput(cli, json);
    for (const each of removed)
      print(
        `taken off the list: ${printable(each.reason)} on ${each.channel}, since ${formatTime(each.since)}`,
      );
    const kept = found.length - removed.length;
    if (found.length === 0)
      print(
        `this ${SUBJECT_NAMES[suppressionColumnOf(about)]} is not on the list, so there is nothing to take off`,
      );
    else if (kept > 0) print(describeKept(kept, found));
    const keyId = await subjects.keyId();
    if (json) printJson(cli, { removed: removed.map((each) => toSuppressionDocument(each, keyId)), kept });
    return kept > 0 ? EXIT.needsAttention : EXIT.ok;
  });
}

/** Of one person: an objection of each kind on each channel, and a bounce. */
const MAX_ENTRIES_OF_ONE = 100;

/** That a mailbox works again does not mean that a complaint was withdrawn. */
function requireOneReason(found: readonly ListedSuppression[]): void {
  const reasons = [...new Set(found.map(({ reason }) => reason))];
  if (reasons.length < 2) return;
  const listed = found.map(({ reason, channel }) => `"${printable(reason)}" on ${channel}`).join(', ');
  throw new UsageError(
    `there are entries for several reasons (${listed}): name the one that no longer holds with --listed-for`,
  );
}

function describeKept(kept: number, found: readonly ListedSuppression[]): string {
  if (!found.some(({ reason }) => reason === ERASED))
    return `${plural(kept, 'entry')} kept: changed at this moment, so look again`;
  return `${plural(kept, 'entry')} kept: the objection of somebody who was erased; a newer consent, sent with \`preferences update\`, ends it`;
}

/** Throws UsageError, if the audit must not have a text. */
function checkDecision(by: string, reason: string): void {
  const problems = [
    ['--by', textProblem(by, TEXT_RULES.name)],
    ['--reason', reason.trim() === '' ? 'must say why' : suppressionReasonProblem(reason)],
  ] as const;
  for (const [option, problem] of problems)
    if (problem !== null) throw new UsageError(`${option} ${problem}`);
}
