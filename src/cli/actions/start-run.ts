/** What the actions that start a run share: common input, staging a file, and following the started run. */
import type { Readable } from 'node:stream';
import { InputError } from '../../client/errors.ts';
import type { Staged, StageOptions } from '../../client/staging.ts';
import type { Started } from '../../client/start.ts';
import { runIdProblem } from '../../contract/input.ts';
import { OPERATIONS, type OperationKind } from '../../contract/operations.ts';
import type { CommonInput, Source } from '../../contract/run.ts';
import { omitUndefined } from '../../domain/absent.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Cli, Session } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderSteps, stepsAfterStart } from '../render/next-steps.ts';
import { createLineDrawer, type Output, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { watchUntilEndOr, withInterrupt } from '../watching/watch.ts';
import { findRun } from './find-run.ts';
import type { FileOptions, RunOptions, SourceRunOptions } from './options.ts';
import { type InputFile, STDIN, withInputFile } from './standard-input.ts';

const REDRAW_MS = 200;

/** Stands for a source that is yet to be staged. */
const UNSTAGED: Source = { dataset: 'unstaged' };

/**
 * Reports what is wrong with a run whatever its rows are, before a long file is read and stored for nothing. The client checks
 * the whole input once more. Throws InputError.
 */
export function requireInput(kind: OperationKind, input: object, { id }: RunOptions): void {
  const checked = OPERATIONS[kind].check({ ...input, source: UNSTAGED });
  const idProblem = id === undefined ? null : runIdProblem(id);
  const problems = [
    ...('problems' in checked ? checked.problems : []),
    ...(idProblem === null ? [] : [idProblem]),
  ];
  if (problems.length > 0) throw new InputError(problems);
}

/** Omits what the user did not give, so that the defaults of the contract apply. */
export function toCommonInput(options: SourceRunOptions): CommonInput {
  const { dryRun, approval, approvalDeadline, onInDoubt, inDoubtDeadline, again, notify } = options;
  const given = { dryRun, approval, approvalDeadline, onInDoubt, inDoubtDeadline, again, notify };
  return { ...omitUndefined(given), requestedBy: options.requestedBy };
}

/** `verb`: what the operation does with the file. Throws UsageError. */
export function requireOneSource(file: string | undefined, options: SourceRunOptions, verb: string): void {
  if ((file === undefined) === (options.retryOf === undefined)) {
    throw new UsageError(`give either a FILE to ${verb} or --retry-of RUN`);
  }
  if (
    file === undefined &&
    (options.map ?? options.format ?? options.encoding ?? options.sheet) !== undefined
  ) {
    const message =
      '--map, --format, --encoding and --sheet apply to a FILE; a retry reads its rows as before';
    throw new UsageError(message);
  }
}

/** The run of `--retry-of`. Throws UsageError, RunNotFound, RunNotTakenUp. */
export async function findRunToRetry(
  cli: Cli,
  session: Session,
  { retryOf }: SourceRunOptions,
): Promise<Run | null> {
  return retryOf === undefined ? null : findRun(cli, session, retryOf);
}

/** Where the rows of a run come from: exactly one of the two. */
export interface RowsFrom {
  readonly file: string | undefined;
  /** The run that is retried. */
  readonly earlier: Run | null;
  /** What is read if the file is `-`. */
  readonly stdin: Readable;
}

/** Stages the file, or names the run whose records are retried. `checks`: of the columns and rows of the file. */
export async function openRunSource(
  session: Session,
  { file, earlier, stdin }: RowsFrom,
  options: SourceRunOptions,
  checks: Pick<StageOptions<OperationKind>, 'operation' | 'columnProblems' | 'rowsCheck'>,
  output: Output,
): Promise<Source> {
  if (file === undefined) return { retryOf: earlier?.run_id ?? '' };
  const staged = await stageFile(session, file, { ...toStageOptions(options), ...checks, stdin }, output);
  return staged.source;
}

export function toStageOptions({
  format,
  encoding,
  sheet,
  map,
}: FileOptions): Pick<StageOptions, 'format' | 'encoding' | 'sheet' | 'map'> {
  return omitUndefined({ format, encoding, sheet, map });
}

export interface StageFileOptions extends StageOptions<OperationKind> {
  /** What is read if the file is `-`. */
  readonly stdin: Readable;
}

/** Prints how far it is, and how many rows it read. */
export async function stageFile(
  session: Session,
  file: string,
  options: StageFileOptions,
  output: Output,
): Promise<Staged> {
  const { stdin, ...given } = options;
  const maxBytes = session.config.sourceLimits.maxSourceBytes;
  return withInputFile(file, { stdin, maxBytes }, ({ path, name }) => {
    // There is no extension that could say what it is.
    const format = file === STDIN ? (given.format ?? 'csv') : given.format;
    return stage(session, { path, name }, { ...given, ...omitUndefined({ format }) }, output);
  });
}

async function stage(
  session: Session,
  { path, name }: InputFile,
  options: StageOptions<OperationKind>,
  output: Output,
): Promise<Staged> {
  const draw = createLineDrawer(output);
  let drawnMs = 0;
  const onProgress = (bytes: number) => {
    if (performance.now() - drawnMs < REDRAW_MS) return;
    drawnMs = performance.now();
    draw(`${formatCount(Math.round(bytes / 1_000))} kB read of ${printable(name)}`);
  };
  try {
    const client = await session.client();
    const limits = session.config.sourceLimits;
    const staged = await client.stageFile(path, { onProgress, limits, ...options });
    draw('');
    const encoding = staged.encoding === 'utf-8' ? '' : `, read as ${staged.encoding}`;
    output.print(
      `${printable(name)}: ${plural(staged.rows, 'row')}${encoding}${describeSheet(staged.sheet)}`,
    );
    return staged;
  } finally {
    draw('');
  }
}

/** Rows that a filter hides are read too, which may not be what somebody expects. */
function describeSheet(sheet: Staged['sheet']): string {
  if (sheet === undefined) return '';
  const { hiddenRows, hiddenColumns } = sheet;
  const hidden = [
    ...(hiddenRows > 0 ? [plural(hiddenRows, 'hidden row')] : []),
    ...(hiddenColumns > 0 ? [plural(hiddenColumns, 'hidden column')] : []),
  ];
  const including = hidden.length > 0 ? `, including ${hidden.join(' and ')}` : '';
  return `, sheet "${printable(sheet.name)}"${including}`;
}

export interface StartedRun {
  readonly start: () => Promise<Started>;
  readonly cli: Cli;
  readonly session: Session;
  readonly output: Output;
  readonly options: Pick<RunOptions, 'detach' | 'json'>;
  /** Printed if the same run ended before: how to run it again, such as "To import it again, add --again." */
  readonly againHint: string;
}

/** Starts the run, announces it and, without `--detach`, follows it until it ends or somebody presses Ctrl-C. */
export async function startAndFollow(run: StartedRun): Promise<ExitCode> {
  // From here on, because a run that is being started when somebody presses Ctrl-C has been started as well.
  return withInterrupt(async (interrupted) => follow(run, await run.start(), interrupted));
}

async function follow(run: StartedRun, started: Started, interrupted: AbortSignal): Promise<ExitCode> {
  const { cli, session, output, options } = run;
  const { detach, json = false } = options;
  announceStart(run, started);
  if (detach !== true) {
    const extraJson = { status: started.status };
    return watchUntilEndOr(interrupted, started.runId, { cli, session, output, json, extraJson });
  }
  output.print(renderSteps('next', stepsAfterStart(started.runId, cli.command)));
  if (json) printJson(cli, { ...started, link: session.link(started.runId) });
  return EXIT.ok;
}

function announceStart({ output, againHint }: StartedRun, started: Started): void {
  const run = `run ${output.colors.bold(started.runId)}`;
  const text = {
    started: run,
    running: `the same run is already executing: ${run}`,
    finished: `nothing was started, because ${run} did the same before; this is its result\n${againHint}`,
  }[started.status];
  output.print(text);
}
