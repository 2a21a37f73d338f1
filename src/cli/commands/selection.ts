/** `cxflow selection update | rollback | show | history`: which contacts a campaign dials. */
import { Option } from 'commander';
import type { OnConflict, SelectionUpdateInput } from '../../contract/selection-update.ts';
import { RunNotFound, type Started } from '../../client.ts';
import { type Cli, type Output, outputOf, withSession, writeJson } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderSteps, stepsAfterStart } from '../render/next-steps.ts';
import { readWish } from '../actions/selection-file.ts';
import type { Session } from '../session.ts';
import { watchToEnd } from '../watching/watch.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';
import { addSelectionHistory, addSelectionShow } from '../actions/selection-history.ts';

export interface SelectionOptions {
  readonly onConflict?: OnConflict;
  readonly conflictDeadline?: string;
  readonly id?: string;
  readonly dryRun?: boolean;
  readonly approval?: boolean;
  readonly approvalDeadline?: string;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly requestedBy: string;
}

export const addSelection: AddCommand = (parent, cli, finish) => {
  const selection = parent
    .command('selection')
    .summary('contact selection of campaigns: `selection update`, `rollback`, `show`, `history`')
    .description('Which contacts a campaign dials: target lists, exclusions, filter rules, priorities.');
  addUpdate(selection, cli, finish);
  addRollback(selection, cli, finish);
  addSelectionShow(selection, cli, finish);
  addSelectionHistory(selection, cli, finish);
};

const UPDATE_EXAMPLES = [
  ['selection show C1 --json > c1.json', 'then edit contactSelection in it, and'],
  ['selection update C1 c1.json --dry-run', 'what would change; edits of others since then stay'],
  ['selection update C1 change.json --on-conflict ask', '{"add": {"targetListIds": ["L7"]}, "remove": {…}}'],
] as const;

const addUpdate: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('update')
    .summary('change what a campaign dials, without losing the edits of others')
    .description(
      'Changes the contact selection of a campaign. FILE.json is a whole contactSelection, what `selection show --json`\n' +
        'wrote (edited), or a change {"add": {…}, "remove": {…}}. The write is guarded by the version of the campaign: what\n' +
        'others change in the meantime is merged, and what both changed differently is a conflict.',
    )
    .argument('<campaign>', 'id of the campaign in CXone')
    .argument('<file>', 'FILE.json');
  withRunOptions(command, cli)
    .addHelpText('after', examples(cli, UPDATE_EXAMPLES))
    .action(async (campaignId: string, file: string, options: SelectionOptions) =>
      finish(await start(cli, options, () => Promise.resolve({ campaignId, ...readWish(file, campaignId) }))),
    );
};

const addRollback: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('rollback')
    .summary('undo what a run wrote, and nothing that others did since')
    .description(
      'Undoes what an update of a selection wrote: a run of its own, with a plan, guarded by the version. What others\n' +
        'changed since then stays; where they changed the very same, it is a conflict.',
    )
    .argument('<run>', 'id of the run to undo');
  withRunOptions(command, cli)
    .addHelpText('after', examples(cli, [['selection rollback RUN --dry-run', 'what would change back']]))
    .action(async (runId: string, options: SelectionOptions) =>
      finish(await start(cli, options, (session) => rollbackOf(session, runId))),
    );
};

function withRunOptions(command: ReturnType<Parameters<AddCommand>[0]['command']>, cli: Cli) {
  return command
    .addOption(
      new Option(
        '--on-conflict <what>',
        'the same changed by somebody else: fail, ask, or take a side',
      ).choices(['merge', 'ask', 'mine', 'theirs']),
    )
    .option('--conflict-deadline <duration>', 'with ask: fail after so long, e.g. "9 days" (default: never)')
    .option('--id <run>', 'id of the run (default: made of campaign and wish)')
    .option('--dry-run', 'stop at the plan; nothing is written to CXone')
    .option('--approval', 'show the plan and wait for `approve` or `reject`')
    .option('--approval-deadline <duration>', 'give up waiting after so long, e.g. "3 days" (default: never)')
    .option('--detach', 'start the run and return at once')
    .option('--requested-by <name>', 'who asks for it', cli.login)
    .option('--json', JSON_HELP);
}

/** Errors: RunNotFound; UsageError, where there is nothing to roll back. The run looks again. */
async function rollbackOf({ ledger }: Session, runId: string): Promise<SelectionUpdateInput> {
  const old = await ledger.runs.find(runId);
  if (!old) throw new RunNotFound(runId);
  const update = await ledger.selections.find(old.run_no);
  if (!update || update.version_after === null)
    throw new UsageError(`run ${runId} wrote no selection: there is nothing to roll back`);
  return { campaignId: old.target, rollbackOf: runId };
}

/** Errors: UsageError, InputError, RunNotFound; Unreachable. */
export async function start(
  cli: Cli,
  options: SelectionOptions,
  wish: (session: Session) => Promise<SelectionUpdateInput>,
): Promise<ExitCode> {
  const json = options.json === true;
  const output = outputOf(cli, json);
  return withSession(cli, async (session) => {
    const input = { ...(await wish(session)), ...toOptions(options) };
    const client = await session.client();
    const started = await client.startSelectionUpdate(
      input,
      options.id === undefined ? {} : { runId: options.id },
    );
    tellStart(started, output);
    if (options.detach !== true)
      return watchToEnd(started.runId, { cli, session, output, json, also: { status: started.status } });
    output.say(renderSteps('next', stepsAfterStart(started.runId, cli.command)));
    if (json) writeJson(cli, { ...started, link: session.link(started.runId) });
    return EXIT.ok;
  });
}

/** What was not said is left to the contract's defaults. */
function toOptions(options: SelectionOptions): Partial<SelectionUpdateInput> {
  const { onConflict, conflictDeadline, dryRun, approval, approvalDeadline, requestedBy } = options;
  const given = { onConflict, conflictDeadline, dryRun, approval, approvalDeadline, requestedBy };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function tellStart({ runId, status }: Started, { say, colors }: Output): void {
  if (status === 'started') say(`run ${colors.bold(runId)}`);
  else if (status === 'running') say(`this update is under way already: run ${colors.bold(runId)}`);
  else say(`run ${colors.bold(runId)} ended before; this is what it came to. --id starts another one.`);
}
