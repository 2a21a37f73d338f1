/** `cxflow show RUN`: everything about one run. */
import type { Cli } from '../cli.ts';
import { outputOf, withSession, writeJson } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { collectDetails, renderDetails } from '../../queries/run-details.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';

export const addShow: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['show contact-import:L1:3f9a0c', 'plan, counts, reasons, what is in doubt, what was refused'],
    ['show contact-import:L1:3f9a0c --json', 'the same for a script'],
  ] as const;
  parent
    .command('show')
    .summary('show everything about one run')
    .description(
      'Shows one run: source, plan, counts, reasons, writes in doubt, refused steering, CRM events.',
    )
    .argument('<run>', 'id of the run')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, lines))
    .action(async (runId: string, options: { json?: boolean }) => finish(await showRun(cli, runId, options)));
};

/** Errors: RunNotFound, RunNotBegun. */
export async function showRun(
  cli: Cli,
  runId: string,
  { json = false }: { json?: boolean },
): Promise<ExitCode> {
  return withSession(cli, async (session) => {
    const details = await collectDetails(session, runId, cli.command);
    const { say, colors } = outputOf(cli, json);
    if (json) writeJson(cli, details.document);
    else say(renderDetails(details, colors, cli.command));
    return EXIT.ok;
  });
}
