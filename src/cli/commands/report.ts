/** `cxflow report RUN --html`: the run as a page for the eye, to be kept and sent around. */
import { resolve } from 'node:path';
import { type Cli, outputOf, withSession, writeJson } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderPage } from '../html/page.ts';
import { writeFileWhole } from '../terminal/output-stream.ts';
import { collectReport } from '../../queries/run-report.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';
import { showRun } from './show.ts';

export interface ReportOptions {
  /** true: under a name of our own. */
  readonly html?: string | true;
  readonly json?: boolean;
}

export const addReport: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['report contact-import:L1:3f9a0c --html', 'writes contact-import_L1_3f9a0c.html'],
    ['report contact-import:L1:3f9a0c --html /srv/reports/monday.html', 'or where you say'],
    ['report contact-import:L1:3f9a0c --json', 'the same numbers for a program'],
  ] as const;
  parent
    .command('report')
    .summary('write a page about a run: outcomes, reasons, pace, decisions')
    .description(
      'Writes one HTML file that needs no network: outcomes, reasons, rate and latency over time, the slowest\n' +
        'batches, and who approved, paused, resumed or cancelled when. It holds no row and no name, number or address\n' +
        'of a contact, so it may be sent around. Of a run that goes on, it shows how it stands now.\n' +
        'Without --html: what `show` shows.',
    )
    .argument('<run>', 'id of the run')
    .option('--html [file]', 'write the page (default: the id of the run, with .html)')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, lines))
    .action(async (runId: string, options: ReportOptions) => finish(await reportRun(cli, runId, options)));
};

/** Errors: RunNotFound, RunNotBegun; those of the file system. */
export async function reportRun(cli: Cli, runId: string, options: ReportOptions): Promise<ExitCode> {
  const { html, json = false } = options;
  if (html === undefined && !json) return showRun(cli, runId, {});
  return withSession(cli, async (session) => {
    const report = await collectReport(session, runId, cli.command, new Date());
    const file = html === true ? fileNameOf(runId) : html;
    if (file !== undefined) {
      const path = resolve(cli.cwd, file);
      await writeFileWhole(path, [renderPage(report)]);
      outputOf(cli, json).say(`report → ${path}`);
    }
    if (json) writeJson(cli, report);
    return EXIT.ok;
  });
}

/** A run id may have colons, which some file systems refuse; and anything else that its caller chose. */
export function fileNameOf(runId: string): string {
  return `${runId.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '_')}.html`;
}
