/** Prints what a run has done about one mailbox, for them or for an authority. */
import { text } from 'node:stream/consumers';
import { readEmailAddress } from '../../domain/email-address.ts';
import { readEmailReceipt } from '../../queries/email-receipt.ts';
import { type Cli, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderReceipt } from '../render/email-receipt.ts';
import { shellQuote } from '../terminal/format.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { findRun } from './find-run.ts';

export interface ReceiptOptions {
  readonly json?: boolean;
}

/** No row of the run has this mailbox. The address is not named, because error messages are kept. */
class NoSuchRecipient extends Error {
  override readonly name = 'NoSuchRecipient';
  readonly next: string;
  constructor(runId: string, isPurged: boolean, command: string) {
    super(`run ${runId} has no recipient with this address`);
    const run = shellQuote(runId);
    this.next = isPurged
      ? `its rows were purged; \`${command} audit --run ${run}\` has what is left`
      : `look for it among the invalid rows, whose addresses cannot be read: \`${command} records ${run} --outcome invalid\`; ` +
        `in other runs: \`${command} runs\`; or the person was erased`;
  }
}

/** Throws UsageError, RunNotFound, RunNotTakenUp, NoSuchRecipient, PepperMismatch. */
export async function showReceipt(
  cli: Cli,
  given: string,
  address: string,
  { json = false }: ReceiptOptions,
): Promise<ExitCode> {
  const mailbox = toMailbox(address === '-' ? await text(cli.stdin) : address);
  return withSession(cli, async (session) => {
    const { ledger } = session;
    const run = await findRun(cli, session, given);
    const { run_id: runId } = run;
    if (run.kind !== 'emailSend') throw new UsageError(`run ${runId} is no email send`);
    const receipt = await readEmailReceipt(ledger, run, mailbox);
    if (!receipt) throw new NoSuchRecipient(runId, run.purged_at !== null, cli.command);
    const { print, colors } = openOutput(cli, json);
    if (json) printJson(cli, { mailbox, ...receipt });
    else print(renderReceipt(mailbox, receipt, colors, cli.command));
    return EXIT.ok;
  });
}

/** Throws UsageError. */
function toMailbox(given: string): string {
  const read = readEmailAddress(given);
  if ('mailbox' in read) return read.mailbox;
  throw new UsageError(`the address ${read.reason.message ?? read.reason.code}`);
}
