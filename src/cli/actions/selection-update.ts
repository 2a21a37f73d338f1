/** Starts a selection update or a rollback, and follows it until it ends. */
import type { OnConflict, SelectionUpdateInput } from '../../contract/selection-update.ts';
import { omitUndefined } from '../../domain/absent.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, type Session, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import type { ExitCode } from '../exit-codes.ts';
import { openOutput } from '../terminal/output.ts';
import { findRun } from './find-run.ts';
import type { RunOptions } from './options.ts';
import { readSelectionFile } from './selection-file.ts';
import { readJsonInput } from './standard-input.ts';
import { startAndFollow } from './start-run.ts';

export interface SelectionOptions extends RunOptions {
  readonly onConflict?: OnConflict;
  readonly conflictDeadline?: string;
}

/** Throws UsageError, InputError, Unreachable. */
export async function updateSelection(
  cli: Cli,
  campaignId: string,
  file: string,
  options: SelectionOptions,
): Promise<ExitCode> {
  const desired = readSelectionFile(file, campaignId, await readJsonInput(cli, file));
  return withSession(cli, (session) => start(cli, session, { campaignId, ...desired }, options));
}

/** Throws RunNotFound, UsageError, InputError, Unreachable. */
export async function rollBackSelection(
  cli: Cli,
  given: string,
  options: SelectionOptions,
): Promise<ExitCode> {
  return withSession(cli, async (session) => {
    const run = await findRun(cli, session, given);
    return start(cli, session, await toRollback(session, run), options);
  });
}

/** Reports early what the run would refuse later. */
async function toRollback({ ledger }: Session, run: Run): Promise<SelectionUpdateInput> {
  const update = await ledger.selections.find(run.run_no);
  if (!update || update.version_after === null) {
    throw new UsageError(`run ${run.run_id} wrote no selection, so there is nothing to roll back`);
  }
  return { campaignId: run.target, rollbackOf: run.run_id };
}

async function start(
  cli: Cli,
  session: Session,
  desired: SelectionUpdateInput,
  options: SelectionOptions,
): Promise<ExitCode> {
  const output = openOutput(cli, options.json);
  const client = await session.client();
  const start = () =>
    client.startSelectionUpdate(
      { ...desired, ...toInputOptions(options) },
      omitUndefined({ runId: options.id }),
    );
  const againHint = 'To start another run, add --id with a new id.';
  return startAndFollow({ start, cli, session, output, options, againHint });
}

/** Omits what the user did not give, so that the defaults of the contract apply. */
function toInputOptions(options: SelectionOptions): Partial<SelectionUpdateInput> {
  const { onConflict, conflictDeadline, dryRun, approval, approvalDeadline, requestedBy } = options;
  return omitUndefined({ onConflict, conflictDeadline, dryRun, approval, approvalDeadline, requestedBy });
}
