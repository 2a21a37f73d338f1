/** `cxflow report RUN --html` */
import type { ReportOptions } from '../actions/write-report.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs, RUN_HELP } from './command.ts';

const EXAMPLES = [
  ['report contact-import:L1:3f9a0c --html', 'write contact-import_L1_3f9a0c.html'],
  ['report contact-import:L1:3f9a0c --html /srv/reports/monday.html', 'write to another file'],
  ['report contact-import:L1:3f9a0c --json', 'get the same numbers in a script'],
] as const;

export const addReport: AddCommand = (parent, cli, finish) => {
  parent
    .command('report')
    .summary('write a report of a run: outcomes, reasons, charts, decisions')
    .description(
      paragraphs(
        `Writes one HTML file that loads nothing from the network: outcomes, reasons, rate and latency over
         time, the slowest batches, and who approved, paused, resumed or cancelled when. The report of a run
         that has not ended shows its state now.`,
        `It contains no row and no name, number or address of a contact, so it can be passed on.`,
        `Without --html and --json it prints the same as \`show\`.`,
      ),
    )
    .argument('<run>', RUN_HELP)
    .option('--html [file]', 'write the HTML file (default: the run id with .html)')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (runId: string, options: ReportOptions) => {
      const { writeReport } = await import('../actions/write-report.ts');
      finish(await writeReport(cli, runId, options));
    });
};
