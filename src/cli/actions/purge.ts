/** Deletes what is older than the retention period, and prints what was deleted and what was kept. */
import { randomBytes } from 'node:crypto';
import { parseDuration } from '../../domain/durations.ts';
import { plural } from '../../domain/numbers.ts';
import { MS_PER_DAY } from '../../domain/timestamps.ts';
import type { KeptReason, PurgeCounts, PurgeResult } from '../../ledger/retention/purges.ts';
import { type Cli, withSession } from '../cli.ts';
import { confirm, requireTerminal } from '../confirm.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatTime } from '../terminal/format.ts';
import { createLineDrawer, type Output, openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';

export interface PurgeOptions {
  readonly olderThan: string;
  readonly requestedBy: string;
  readonly undelivered?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Throws UsageError. */
export async function purge(cli: Cli, options: PurgeOptions): Promise<ExitCode> {
  const { requestedBy, undelivered = false, dryRun = false, yes = false, json = false } = options;
  const scope = { before: toBefore(options.olderThan), withUndelivered: undelivered };
  if (!dryRun) requireTerminal(cli, { yes, what: 'a purge' });
  return withSession(cli, async ({ ledger }) => {
    const output = openOutput(cli, json);
    if (dryRun || !yes) {
      const preview = await ledger.purges.preview(scope);
      output.print(`older than ${formatTime(scope.before)}, and would be deleted:`);
      printResult(preview, cli, output);
      if (dryRun || !(await confirm(cli, 'Delete all of it for good?', output))) {
        if (!dryRun) output.print('nothing was deleted');
        if (json) printJson(cli, { ...preview, before: scope.before, dryRun: true });
        return dryRun ? EXIT.ok : EXIT.stopped;
      }
    }
    const draw = createLineDrawer(output);
    const onProgress = (counts: PurgeCounts) => draw(`deleting: ${describe(counts)}`);
    const purgeId = `purge:${randomBytes(8).toString('hex')}`;
    const purged = await ledger.purges
      .purge({ ...scope, purgeId, requestedBy, onProgress })
      .finally(() => draw(''));
    output.print(`older than ${formatTime(scope.before)}, and deleted:`);
    printResult(purged, cli, output);
    if (json) printJson(cli, { ...purged, before: scope.before, purgeId });
    return purged.kept.length > 0 ? EXIT.needsAttention : EXIT.ok;
  });
}

/** At least a day: a file may wait that long for its run, and a check of a file may take that long. Throws UsageError. */
function toBefore(olderThan: string): Date {
  const parsed = parseDuration(olderThan);
  if (typeof parsed === 'string') throw new UsageError(`--older-than ${parsed}`);
  if (parsed < MS_PER_DAY) throw new UsageError('--older-than must be at least 1d');
  return new Date(Date.now() - parsed);
}

function describe({ runs, records, events, datasets, snapshots, checkedRows }: PurgeCounts): string {
  return [
    `${plural(records, 'record')} and ${plural(events, 'event')} of ${plural(runs, 'run')}`,
    plural(datasets, 'file'),
    plural(snapshots, 'campaign snapshot'),
    `results of ${plural(checkedRows, 'checked row')}`,
  ].join(', ');
}

const WHY: Readonly<Record<KeptReason, string>> = {
  unanswered_writes: 'requests were never answered: start the run again under its id, or resolve them',
  undelivered_events: 'events were never delivered: --undelivered gives them up',
  being_retried: 'another run has not read all of its records',
};

function printResult(
  result: PurgeResult,
  { command }: Pick<Cli, 'command'>,
  { print, colors }: Output,
): void {
  print(`  ${describe(result)}`);
  if (result.kept.length === 0) return;
  print(colors.yellow(`kept: ${plural(result.kept.length, 'run')}; see \`${command} show RUN\``));
  for (const { runId, why } of result.kept) print(`  ${printable(runId)}: ${WHY[why]}`);
}
