/** `cxflow doctor`: is everything there that cxflow needs? */
import { type Cli, outputOf, writeJson } from '../cli.ts';
import { examine } from '../doctor/examine.ts';
import { renderFinding, summarize } from '../doctor/finding.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';

export const addDoctor: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['doctor', 'before the first run, and when something does not work'],
    ['doctor --json', 'for a script; exit code 1 on a problem'],
  ] as const;
  parent
    .command('doctor')
    .summary('look whether everything is there')
    .description(
      'Looks at Node, settings, database and tables, Temporal with its namespace and search attributes, clocks, the\n' +
        'login to CXone with its scopes, the CRM webhook, source folder and disk. It only reads: nothing is written to\n' +
        'CXone and no event is sent (the webhook is asked with OPTIONS). Each line says what to do. No secret is shown.\n' +
        'Exit code 1 where there is a problem; 0 with warnings too.',
    )
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, lines))
    .action(async (options: { json?: boolean }) => finish(await runDoctor(cli, options)));
};

export async function runDoctor(cli: Cli, { json = false }: { json?: boolean }): Promise<ExitCode> {
  const { say, colors } = outputOf(cli, json);
  const findings = [];
  for await (const finding of examine(cli)) {
    findings.push(finding);
    say(renderFinding(finding, colors));
  }
  const summary = summarize(findings);
  say(`\n${summary.words}`);
  if (json) writeJson(cli, { ok: summary.ok, findings });
  return summary.ok ? EXIT.ok : EXIT.failed;
}
