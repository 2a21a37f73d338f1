/** From the end of a followed run to its report, its JSON and its exit code. */
import { NO_COUNTS, type RunState } from '../../domain/run.ts';
import { RunNotFound } from '../../client.ts';
import { retriedRunId } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, type Output, writeJson } from '../cli.ts';
import { EXIT, exitCodeOfRun, type ExitCode } from '../exit-codes.ts';
import type { Followed } from './follow.ts';
import {
  type EndedSelection,
  renderSteps,
  stepsAfterRun,
  stepsAfterSelection,
  stepsAfterStart,
} from '../render/next-steps.ts';
import { renderPlan, renderReport, type Report } from '../render/run-result.ts';
import { planOf, resultOf } from '../../queries/run-facts.ts';
import type { Session } from '../session.ts';

export interface EndingDeps {
  readonly cli: Cli;
  readonly session: Session;
  readonly output: Output;
  readonly json: boolean;
  /** Further facts for the JSON document. */
  readonly also?: Readonly<Record<string, unknown>>;
}

/** Errors: RunNotFound. */
export async function tellEnd(runId: string, followed: Followed, deps: EndingDeps): Promise<ExitCode> {
  if (followed.kind === 'unknown') throw new RunNotFound(runId);
  if (followed.kind === 'left') return tellLeft(runId, deps);
  const report =
    followed.kind === 'ended'
      ? await reportOf(followed, deps.session)
      : neverBegan(runId, followed, deps.session);
  const { cli, output, json } = deps;
  const isSelection = followed.kind === 'ended' && followed.run.kind === 'selectionUpdate';
  const plan = followed.kind === 'ended' && (report.dryRun || isSelection) ? planOf(followed.run) : null;
  // The report has the reasons.
  if (plan) output.say(`\n${renderPlan({ ...plan, reasons: [] })}`);
  output.say(`\n${renderReport(report, output.colors)}`);
  if (followed.kind === 'ended') {
    const { state, counts } = report;
    const format = followed.run.source?.format ?? 'csv';
    const steps = isSelection
      ? stepsAfterSelection(endedSelection(followed.run, { state, counts }), cli.command)
      : stepsAfterRun({ runId, kind: followed.run.kind, state, counts, format }, cli.command);
    output.say(`\n${renderSteps('next', steps)}`);
  }
  if (json) writeJson(cli, { ...jsonOf(followed, report), ...deps.also });
  const code = exitCodeOfRun(report.state, report.counts);
  // The real run would not go through like this.
  return code === EXIT.ok && report.dryRun && plan?.conflicts ? EXIT.needsALook : code;
}

function endedSelection(
  { run_id: runId, target: campaignId, input }: Run,
  { state, counts }: Pick<EndedSelection, 'state' | 'counts'>,
): EndedSelection {
  const { rollbackOf } = input as { readonly rollbackOf?: string };
  return { runId, campaignId, state, counts, ...(rollbackOf !== undefined && { rollbackOf }) };
}

function tellLeft(runId: string, { cli, output, json, also }: EndingDeps): ExitCode {
  output.say(`the run goes on without you: ${runId}`);
  output.say(renderSteps('next', stepsAfterStart(runId, cli.command)));
  if (json) writeJson(cli, { runId, state: 'running', ...also });
  return EXIT.ok;
}

async function reportOf(
  { run, counts, failure }: Followed & { kind: 'ended' },
  session: Session,
): Promise<Report> {
  const result = resultOf(run);
  return {
    runId: run.run_id,
    state: run.state as RunState,
    dryRun: run.dry_run,
    retryOf: retriedRunId(run),
    counts: result?.counts ?? counts,
    reasons: await session.ledger.records.countReasons(run.run_no),
    failure,
    durationMs: run.finished_at ? run.finished_at.getTime() - run.started_at.getTime() : null,
    requests: result,
    link: session.link(run.run_id),
  };
}

function neverBegan(
  runId: string,
  { failure }: Followed & { kind: 'never_began' },
  session: Session,
): Report {
  return {
    runId,
    state: 'failed',
    dryRun: false,
    retryOf: null,
    counts: NO_COUNTS,
    reasons: [],
    failure,
    durationMs: null,
    requests: null,
    link: session.link(runId),
  };
}

/** The contract's result, as far as there is one, with what a report adds. */
function jsonOf(followed: Followed, { runId, state, retryOf, counts, reasons, failure, link }: Report) {
  const run: Run | null = followed.kind === 'ended' ? followed.run : null;
  const begun = run && {
    kind: run.kind,
    planHash: run.plan_hash,
    startedAt: run.started_at,
    finishedAt: run.finished_at,
    plan: run.plan,
    ...(retryOf !== null && { retryOf }),
  };
  return { runId, ...begun, ...(run && resultOf(run)), state, counts, reasons, failure, link };
}
