/** Prints the governance metrics, or writes them as an HTML file. */
import { resolve } from 'node:path';
import { readMetrics } from '../../queries/metrics.ts';
import { type Cli, stemOf, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderMetrics } from '../render/metrics.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { requireWritable, writeWholeFile } from '../terminal/output-stream.ts';
import { parseSince } from './since.ts';

export interface MetricsOptions {
  /** The stem of an operation. */
  readonly operation?: string;
  readonly since?: string;
  readonly limit?: number;
  /** True if the option was given without a file name. */
  readonly html?: string | true;
  readonly json?: boolean;
}

/** As many runs as fit on a screen. */
const SHOWN = 3;
const SHOWN_IN_FILE = 100;
const DEFAULT_FILE = 'cxflow-metrics.html';

/** Throws UsageError and errors of the file system. */
export async function printMetrics(cli: Cli, options: MetricsOptions): Promise<ExitCode> {
  const { operation, html, json = false } = options;
  const limit = options.limit ?? (html !== undefined || json ? SHOWN_IN_FILE : SHOWN);
  const since = options.since === undefined ? null : parseSince(options.since, new Date());
  const kind = cli.operations.find((each) => stemOf(each.kind) === operation)?.kind ?? null;
  const file = html === undefined ? null : resolve(cli.cwd, html === true ? DEFAULT_FILE : html);
  if (file !== null) await requireWritable(file);
  return withSession(cli, async ({ ledger }) => {
    const metrics = await readMetrics(ledger, { since, kind }, limit);
    const { print, colors, stream } = openOutput(cli, json);
    if (file !== null) {
      const { renderMetricsPage } = await import('../html/metrics.ts');
      await writeWholeFile(file, [renderMetricsPage(metrics)]);
      print(`metrics → ${file}`);
    } else if (!json) print(renderMetrics(metrics, colors, { command: cli.command, width: stream.columns }));
    if (json) printJson(cli, metrics);
    return EXIT.ok;
  });
}
