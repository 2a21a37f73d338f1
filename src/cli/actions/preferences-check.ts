/** Checks whether one contact may be reached. Reads only. */
import type { Eligibility } from '../../contract/consent.ts';
import { omitUndefined } from '../../domain/absent.ts';
import { CHANNELS } from '../../domain/consent/eligibility.ts';
import { type Cli, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { announceWait } from '../terminal/announce-wait.ts';
import { type Output, openOutput, printJson } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';
import type { CheckOptions } from './options.ts';
import { checkFile } from './preferences-check-file.ts';

/** Throws UsageError, InputError, SourceError, Unreachable, NoWorkerAnswered, NotDone. */
export async function checkPreferences(
  cli: Cli,
  file: string | undefined,
  options: CheckOptions,
): Promise<ExitCode> {
  const { contact } = options;
  if (contact === undefined && file !== undefined) {
    return withSession(cli, (session) => checkFile(cli, session, file, options));
  }
  if (contact === undefined || file !== undefined) {
    throw new UsageError('give either a FILE or --contact ID with --channel NAME');
  }
  return checkContact(cli, contact, options);
}

async function checkContact(cli: Cli, contactId: string, options: CheckOptions): Promise<ExitCode> {
  const { channel, policy, optInStatus, timeZone, json } = options;
  if (channel === undefined) {
    throw new UsageError(`the channel is missing: add --channel ${CHANNELS.join('|')}`);
  }
  return withSession(cli, async (session) => {
    const input = { contactId, channel, ...omitUndefined({ policy, optInStatus, timeZone }) };
    const client = await session.client();
    const checking = client.checkEligibility(input);
    const eligibility = await announceWait(checking, cli, 'waiting for a worker to check the contact …');
    const output = openOutput(cli, json);
    output.print(renderEligibility(eligibility, output));
    if (json) printJson(cli, { contactId, channel, ...eligibility });
    return eligibility.eligible ? EXIT.ok : EXIT.needsAttention;
  });
}

function renderEligibility(eligibility: Eligibility, { colors }: Output): string {
  const { eligible, reason, ruleVersion, policy, checkedAt, notice } = eligibility;
  const rows = [
    ...renderPreference(eligibility),
    ['rules', `${ruleVersion}, ${policy}`],
    ['checked', checkedAt],
  ];
  const verdict = eligible ? colors.green('eligible') : colors.red('not eligible');
  return `${verdict}: ${reason}\n${renderTable([{}, {}], rows)}\n(${notice})`;
}

function renderPreference({ reason, facts: { preference, suppressed } }: Eligibility): string[][] {
  if (suppressed === true) return [['preference', 'on our own suppression list']];
  if (reason === 'consent_unavailable') return [['preference', 'unknown: CXone did not answer']];
  if (preference === null) return [['preference', 'no record in CXone']];
  return [
    ['preference', preference.optIn ? 'opted in' : 'opted out'],
    ['consent', preference.consentTimestamp ?? '–'],
    ['withdrawal', preference.withdrawalTimestamp ?? '–'],
    ['region', preference.regulatoryRegion],
  ];
}
