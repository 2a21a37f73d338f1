/** Checks whether every contact in a file may be reached, and splits the file by the answers. Reads only. */
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { EligibilityListResult } from '../../contract/consent.ts';
import { omitUndefined } from '../../domain/absent.ts';
import { NOTICE } from '../../domain/consent/eligibility.ts';
import {
  eligibilityMapProblems,
  isUnanswered,
  resolveEligibilityColumns,
} from '../../domain/consent/eligibility-list.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import type { Cli, Session } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { createLineDrawer, type Output, openOutput, printJson } from '../terminal/output.ts';
import { requireWritable, writeWholeFile } from '../terminal/output-stream.ts';
import { printable } from '../terminal/sanitize.ts';
import { withInterrupt } from '../watching/watch.ts';
import { formatJudgedRows } from './eligibility-files.ts';
import type { CheckOptions } from './options.ts';
import { STDIN } from './standard-input.ts';
import { stageFile, toStageOptions } from './start-run.ts';

const POLL_MS = 1_000;

export async function checkFile(
  cli: Cli,
  session: Session,
  file: string,
  options: CheckOptions,
): Promise<ExitCode> {
  const { json = false } = options;
  const output = openOutput(cli, json);
  const stem = stemOf(cli, file, options);
  // A check may take hours, and its folder is where its result would be lost.
  await requireWritable(`${stem}.eligible`);
  const columnProblems = (columns: readonly string[] | null) => findColumnProblems(columns, options);
  const staged = await stageFile(
    session,
    file,
    { ...toStageOptions(options), columnProblems, stdin: cli.stdin },
    output,
  );
  const dataset = 'dataset' in staged.source ? staged.source.dataset : '';
  const result = await checkDataset(session, { dataset, rows: staged.rows }, options, output);
  if (result === null) {
    output.print('the check was cancelled, and no file was written');
    return EXIT.stopped;
  }
  const files = await writeFiles(session, { stem, dataset, result });
  printResult(result, files, output);
  if (json) printJson(cli, { ...result, files, notice: NOTICE });
  return Object.keys(result.ineligible).some(isUnanswered) ? EXIT.needsAttention : EXIT.ok;
}

/** Next to the file, unless there is a folder for them. */
function stemOf({ cwd }: Cli, file: string, { out }: CheckOptions): string {
  const name = file === STDIN ? 'stdin' : basename(file, extname(file));
  return join(resolve(cwd, out ?? dirname(file)), name);
}

function findColumnProblems(
  columns: readonly string[] | null,
  { map = {}, channel }: CheckOptions,
): readonly string[] {
  if (columns === null) return eligibilityMapProblems(map);
  const resolved = resolveEligibilityColumns(columns, map, {
    hasChannel: channel !== undefined,
    audience: 'terminal',
  });
  return 'problems' in resolved ? resolved.problems : [];
}

interface StagedDataset {
  readonly dataset: string;
  readonly rows: number;
}

/** Null after Ctrl-C, which cancels the check, because it could use up the rate budget for hours with nobody waiting. */
async function checkDataset(
  session: Session,
  { dataset, rows }: StagedDataset,
  { channel, policy, map = {} }: CheckOptions,
  output: Output,
): Promise<EligibilityListResult | null> {
  const client = await session.client();
  const checkId = client.newCheckId();
  const input = { dataset, map, ...omitUndefined({ channel, policy }) };
  return withInterrupt(async (signal) => {
    const cancel = () => void client.cancelEligibilityList(checkId).catch(() => undefined);
    signal.addEventListener('abort', cancel);
    const checking = client.checkEligibilityList(input, checkId);
    return withProgress(checking, session, { checkId, rows }, output).catch((error: unknown) => {
      if (signal.aborted) return null;
      throw error;
    });
  });
}

/** Shows on a terminal how many rows have been checked. */
async function withProgress<T>(
  work: Promise<T>,
  { ledger }: Session,
  { checkId, rows }: { readonly checkId: string; readonly rows: number },
  output: Output,
): Promise<T> {
  const draw = createLineDrawer(output);
  const show = async () => {
    const checked = await ledger.eligibilityResults.count(checkId);
    draw(`checked ${formatCount(checked)} of ${plural(rows, 'row')}`);
  };
  const timer = setInterval(() => void show().catch(() => undefined), POLL_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    draw('');
  }
}

interface Files {
  readonly eligible: string;
  readonly ineligible: string;
}

interface CheckedFile {
  /** The path of the files, without what tells them apart. */
  readonly stem: string;
  readonly dataset: string;
  readonly result: EligibilityListResult;
}

async function writeFiles(
  { ledger, config }: Session,
  { stem, dataset, result }: CheckedFile,
): Promise<Files> {
  const source = await ledger.datasets.find(dataset);
  if (!source) throw new Error(`dataset ${dataset} is no longer in the ledger; check the file again`);
  const format = source.format === 'csv' || source.format === 'xlsx' ? source.format : 'ndjson';
  const limits = config.sourceLimits;
  const write = async (isEligible: boolean): Promise<string> => {
    const path = `${stem}.${isEligible ? 'eligible' : 'ineligible'}.${format}`;
    await writeWholeFile(path, formatJudgedRows({ ledger, limits, source, result, isEligible, format }));
    return path;
  };
  return { eligible: await write(true), ineligible: await write(false) };
}

function printResult(result: EligibilityListResult, files: Files, { print, colors }: Output): void {
  const reasons = Object.entries(result.ineligible).sort(([, a], [, b]) => b - a);
  const ineligible = reasons.reduce((sum, [, n]) => sum + n, 0);
  print(`${colors.green('eligible')}: ${plural(result.eligible, 'row')} → ${printable(files.eligible)}`);
  print(`${colors.red('not eligible')}: ${plural(ineligible, 'row')} → ${printable(files.ineligible)}`);
  for (const [reason, n] of reasons) print(`  ${reason}: ${formatCount(n)}`);
  print(`(rules ${result.ruleVersion}, ${result.policy}; ${NOTICE})`);
}
