/** `cxflow metrics` */
import type { MetricsOptions } from '../actions/metrics.ts';
import { type AddCommand, stemOf } from '../cli.ts';
import { choice, examples, JSON_HELP, paragraphs, wholeNumber } from './command.ts';

const EXAMPLES = [
  ['metrics', 'see all operations since the first run'],
  ['metrics --since 30d --operation preference-update', 'see the preference updates of the last 30 days'],
  ['metrics --since 2026-11-01 --html november.html', 'pass it on as a file that loads nothing'],
  ['metrics --since 2026-11-01 --limit 10000 --json', 'export the figures and the log of every run'],
] as const;

export const addMetrics: AddCommand = (parent, cli, finish) => {
  parent
    .command('metrics')
    .summary('governance metrics over all runs: violations, compliance rate, latency, log')
    .description(
      paragraphs(
        `Adds up the runs of each operation: how many records were written, how many broke a rule, and how fast CXone
         answered; and lists the newest runs. Dry runs do not count. Runs that were purged do.`,
        `A violation is a record that one of our rules kept from being sent. compliance = (checked - violations)
         / checked. success = records that are in CXone as requested / all records. Latencies are those of the
         requests that CXone answered. A rate of nothing is shown as –. docs/metrics.md defines each figure.`,
        `The metrics of one campaign are under \`selection history\`, those of one run under \`show\`.`,
      ),
    )
    .addOption(
      choice(
        '--operation <name>',
        'only this operation (default: all)',
        cli.operations.map(({ kind }) => stemOf(kind)),
      ),
    )
    .option(
      '--since <when>',
      'only runs started since a date (UTC), e.g. 2026-11-01, or for a duration, e.g. 30d (default: all)',
    )
    .option(
      '--limit <n>',
      'how many runs the log lists (default: 3, in a file and as JSON 100)',
      wholeNumber(1, 10_000),
    )
    .option('--html [file]', 'write an HTML file (default: cxflow-metrics.html)')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: MetricsOptions) => {
      const { printMetrics } = await import('../actions/metrics.ts');
      finish(await printMetrics(cli, options));
    });
};
