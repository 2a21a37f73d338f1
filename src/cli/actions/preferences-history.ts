/** Prints the proof of consent of one data subject, for them or for an authority. */
import { CHANNELS, NOTICE } from '../../domain/consent/eligibility.ts';
import type { Proof } from '../../ledger/consent/proof.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatTime } from '../terminal/format.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';

export interface HistoryOptions {
  readonly contact: string;
  readonly json?: boolean;
}

/** Throws PepperMismatch. */
export async function showPreferenceHistory(
  cli: Cli,
  { contact, json = false }: HistoryOptions,
): Promise<ExitCode> {
  return withSession(cli, async ({ ledger }) => {
    const entries = await ledger.consentProof.list(contact);
    const suppressed = await ledger.suppressions.find([contact], [...CHANNELS]);
    const { print } = openOutput(cli, json);
    if (entries.length > 0) print(renderTable(COLUMNS, entries.map(toRow)));
    else print('nothing was sent about this contact, or they were erased');
    for (const { channel, since } of suppressed) {
      print(`suppressed on ${channel} since ${formatTime(since)}: must not be reached there`);
    }
    // Without the keyed hash of the contact id.
    const suppressions = suppressed.map(({ channel, since }) => ({ channel, since }));
    if (json) printJson(cli, { contactId: contact, entries, suppressions, notice: NOTICE });
    return EXIT.ok;
  });
}

const COLUMNS = [
  { head: 'when' },
  { head: 'channel' },
  { head: 'preference' },
  { head: 'updated at' },
  { head: 'source' },
  { head: 'outcome' },
  { head: 'run' },
] as const;

function toRow(entry: Proof): string[] {
  const { at, sentAt, channel, optIn, updatedAt, source, outcome, reasons, runId, httpStatus, cxoneId } =
    entry;
  const answer = httpStatus === null ? 'no answer' : String(httpStatus);
  const details = [answer, ...(cxoneId == null ? [] : [printable(cxoneId)]), ...reasons];
  return [
    formatTime(sentAt === null ? at : new Date(sentAt)),
    channel,
    optIn ? 'opt-in' : 'opt-out',
    updatedAt,
    printable(source),
    `${outcome} (${details.join(', ')})`,
    printable(runId),
  ];
}
