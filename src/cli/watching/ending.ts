/** Reports how a followed run ended: as text, as JSON and as an exit code. */
import { RunNotFound } from '../../client/errors.ts';
import { NO_COUNTS, type RunState } from '../../domain/run.ts';
import { retriedRunId } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { readRunMeasures } from '../../queries/metrics.ts';
import { type Plan, readPlan, readResult } from '../../queries/run-facts.ts';
import { type Cli, listFacts, readOperationReport, readPlanDetails, type Session } from '../cli.ts';
import { EXIT, type ExitCode, exitCodeOfRun } from '../exit-codes.ts';
import {
  type EndedRun,
  renderSteps,
  type Step,
  stepsAfterRun,
  stepsAfterStart,
} from '../render/next-steps.ts';
import { renderPlan } from '../render/plan.ts';
import { type RunResultView, renderRunResult } from '../render/run-result.ts';
import type { OperationReport } from '../render/sections.ts';
import { type Output, printJson } from '../terminal/output.ts';
import type { Followed } from './follow.ts';

export interface EndingOptions {
  readonly cli: Cli;
  readonly session: Session;
  readonly output: Output;
  readonly json: boolean;
  /** Further fields of the JSON document. */
  readonly extraJson?: Readonly<Record<string, unknown>>;
}

type Ended = Followed & { readonly kind: 'ended' };

/** Throws RunNotFound. */
export async function reportEnd(
  runId: string,
  followed: Followed,
  options: EndingOptions,
): Promise<ExitCode> {
  switch (followed.kind) {
    case 'unknown':
      throw new RunNotFound(runId);
    case 'left':
      return reportLeft(runId, options);
    case 'never_began':
      return reportNeverBegan(runId, followed, options);
    case 'ended':
      return reportEnded(followed, options);
  }
}

async function reportEnded(followed: Ended, options: EndingOptions): Promise<ExitCode> {
  const { cli, session, output, json, extraJson } = options;
  const { run } = followed;
  const own = await readOperationReport(cli, session.ledger, run.run_id);
  const result = await readResultView(followed, own, options);
  const plan = readPlan(run);
  // The reasons are part of the result.
  if (plan && (run.dry_run || plan.changes)) {
    const details = await readPlanDetails(cli, session.ledger, run.run_id);
    output.print(`\n${renderPlan(plan, run.target, { withReasons: false, details })}`);
  }
  output.print(`\n${renderRunResult(result, output.colors)}`);
  const { followUps, others } = chooseSteps(run, result, cli);
  output.print(`\n${renderSteps('next', [...followUps, ...others])}`);
  if (json) printJson(cli, { ...toJson(result, run), ...own?.data, ...extraJson });
  return chooseExitCode(result, plan, followUps);
}

/** A dry run that found conflicts shows that the real run would stop. */
function chooseExitCode(result: RunResultView, plan: Plan | null, followUps: readonly Step[]): ExitCode {
  const code = exitCodeOfRun(result.state, result.counts);
  const needsAttention = followUps.length > 0 || (result.dryRun && plan?.conflicts);
  return code === EXIT.ok && needsAttention ? EXIT.needsAttention : code;
}

interface Steps {
  /** Of the operation (CliOperation.followUps). */
  readonly followUps: readonly Step[];
  readonly others: readonly Step[];
}

function chooseSteps(run: Run, { state, counts }: RunResultView, cli: Cli): Steps {
  const operation = cli.operations.find(({ kind }) => kind === run.kind);
  const ended: EndedRun = {
    runId: run.run_id,
    target: run.target,
    state,
    dryRun: run.dry_run,
    counts,
    input: run.input,
    result: run.result,
    sourceFormat: run.source?.format ?? 'csv',
  };
  const custom = operation?.stepsAfterRun?.(ended, cli.command);
  return {
    followUps: operation?.followUps?.(ended, cli.command) ?? [],
    others: custom ?? stepsAfterRun(ended, cli.command, operation?.retry),
  };
}

function reportLeft(runId: string, { cli, output, json, extraJson }: EndingOptions): ExitCode {
  output.print(`the run continues in the background: ${runId}`);
  output.print(renderSteps('next', stepsAfterStart(runId, cli.command)));
  if (json) printJson(cli, { runId, state: 'running', ...extraJson });
  return EXIT.interrupted;
}

function reportNeverBegan(
  runId: string,
  { failure }: Followed & { readonly kind: 'never_began' },
  { cli, session, output, json, extraJson }: EndingOptions,
): ExitCode {
  const result: RunResultView = {
    runId,
    state: 'failed',
    dryRun: false,
    retryOf: null,
    counts: NO_COUNTS,
    reasons: [],
    messages: { messages: [], notKept: 0 },
    failure,
    durationMs: null,
    requests: null,
    rules: null,
    facts: [],
    sections: [],
    link: session.link(runId),
  };
  output.print(`\n${renderRunResult(result, output.colors)}`);
  if (json) printJson(cli, { ...toJson(result, null), ...extraJson });
  return EXIT.failed;
}

async function readResultView(
  { run, counts, failure }: Ended,
  own: OperationReport | null,
  { cli, session }: EndingOptions,
): Promise<RunResultView> {
  const result = readResult(run);
  const { rules } = await readRunMeasures(session.ledger, run.run_no);
  return {
    runId: run.run_id,
    state: run.state as RunState,
    dryRun: run.dry_run,
    retryOf: retriedRunId(run),
    counts: result?.counts ?? counts,
    reasons: await session.ledger.records.countReasons(run.run_no),
    messages: await session.ledger.answers.messages(run.run_no),
    failure,
    durationMs: run.finished_at ? run.finished_at.getTime() - run.started_at.getTime() : null,
    requests: result,
    rules,
    facts: listFacts(cli, run),
    sections: own?.summary ?? [],
    link: session.link(run.run_id),
  };
}

/** The result as the contract defines it, completed with what the terminal shows. */
function toJson(result: RunResultView, run: Run | null) {
  const { runId, state, retryOf, counts, reasons, messages, failure, link } = result;
  const fields = run && {
    kind: run.kind,
    planHash: run.plan_hash,
    startedAt: run.started_at,
    finishedAt: run.finished_at,
    plan: run.plan,
    ...(retryOf !== null && { retryOf }),
  };
  return {
    runId,
    ...fields,
    ...(run && readResult(run)),
    state,
    counts,
    reasons,
    cxone: messages,
    failure,
    link,
  };
}
