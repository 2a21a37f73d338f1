/** Prints the governance metrics, or writes them as an HTML file. */
import { resolve } from 'node:path';
import { parseDuration } from '../../contract/input.ts';
import { toUtcTimestamp } from '../../domain/timestamps.ts';
import { readMetrics } from '../../queries/metrics.ts';
import { type Cli, stemOf, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderMetrics } from '../render/metrics.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { writeWholeFile } from '../terminal/output-stream.ts';

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
  return withSession(cli, async ({ ledger }) => {
    const metrics = await readMetrics(ledger, { since, kind }, limit);
    const { print, colors, stream } = openOutput(cli, json);
    if (html !== undefined) {
      const { renderMetricsPage } = await import('../html/metrics.ts');
      const path = resolve(cli.cwd, html === true ? DEFAULT_FILE : html);
      await writeWholeFile(path, [renderMetricsPage(metrics)]);
      print(`metrics → ${path}`);
    } else if (!json) print(renderMetrics(metrics, colors, { command: cli.command, width: stream.columns }));
    if (json) printJson(cli, metrics);
    return EXIT.ok;
  });
}

/** A date, or how long ago. Throws UsageError. */
export function parseSince(text: string, now: Date): Date {
  const timestamp = toUtcTimestamp(text);
  const durationMs = parseDuration(text);
  if (timestamp === null && typeof durationMs === 'string')
    throw new UsageError(
      '--since must be a date such as 2026-11-01 or 2026-11-01T08:00:00Z, or a duration of at most 3650 days, ' +
        'such as 30d or "2 weeks"',
    );
  const since = timestamp === null ? new Date(now.getTime() - Number(durationMs)) : new Date(timestamp);
  if (since > now) throw new UsageError('--since must not be in the future');
  return since;
}
