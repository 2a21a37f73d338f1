/** Writes the report of a run as one HTML file or as JSON. */
import { resolve } from 'node:path';
import { RunNotFound } from '../../client/errors.ts';
import { readRunReport } from '../../queries/run-report.ts';
import { type Cli, listFacts, readOperationReport, readPlanDetails, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderPage } from '../html/page.ts';
import { listSections } from '../render/sections.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { requireWritable, writeWholeFile } from '../terminal/output-stream.ts';
import { findRun } from './find-run.ts';
import { showRun } from './show-run.ts';

export interface ReportOptions {
  /** True if the option was given without a file name. */
  readonly html?: string | true;
  readonly json?: boolean;
}

/** Throws UsageError, RunNotFound, RunNotTakenUp and errors of the file system. */
export async function writeReport(cli: Cli, given: string, options: ReportOptions): Promise<ExitCode> {
  const { html, json = false } = options;
  if (html === undefined && !json) return showRun(cli, given, {});
  if (typeof html === 'string') await requireWritable(resolve(cli.cwd, html));
  return withSession(cli, async (session) => {
    const { run_id: runId } = await findRun(cli, session, given);
    const read = await readRunReport(session.ledger, runId);
    if (!read) throw new RunNotFound(runId);
    const own = await readOperationReport(cli, session.ledger, runId);
    const report = { ...read, ...own?.data, link: session.link(runId) };
    const file = html === true ? defaultFileName(runId) : html;
    if (file !== undefined) {
      const path = resolve(cli.cwd, file);
      const planDetails = await readPlanDetails(cli, session.ledger, runId, { hideValues: true });
      const page = {
        ...report,
        facts: listFacts(cli, read),
        planDetails,
        sections: listSections(own),
        curves: own?.curves ?? [],
      };
      await writeWholeFile(path, [renderPage(page)]);
      openOutput(cli, json).print(`report → ${path}`);
    }
    if (json) printJson(cli, report);
    return EXIT.ok;
  });
}

/** Without colons, which some file systems refuse, and without anything that could leave the folder. */
export function defaultFileName(runId: string): string {
  return `${runId.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '_')}.html`;
}
