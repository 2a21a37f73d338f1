/** Watches a run on the terminal until it ends or the user presses Ctrl-C, and shows what it waits for. */
import type { ShownConflict } from '../../contract/steering.ts';
import { plural } from '../../domain/numbers.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { readConflicts } from '../../queries/conflicts.ts';
import { readPlan } from '../../queries/run-facts.ts';
import { type Cli, readPlanDetails, type Session } from '../cli.ts';
import type { ExitCode } from '../exit-codes.ts';
import { renderConflicts } from '../render/conflicts.ts';
import {
  renderSteps,
  type Step,
  stepsForApproval,
  stepsForConflict,
  stepsForDoubt,
  stepsForPause,
} from '../render/next-steps.ts';
import { renderPlan } from '../render/plan.ts';
import { wrapText } from '../terminal/format.ts';
import type { Output } from '../terminal/output.ts';
import { createProgressView, type ProgressView } from '../terminal/progress-view.ts';
import { printable } from '../terminal/sanitize.ts';
import { answerConflicts } from './answer-conflicts.ts';
import { type EndingOptions, reportEnd } from './ending.ts';
import { type Followed, follow } from './follow.ts';

export async function watchUntilEnd(runId: string, options: EndingOptions): Promise<ExitCode> {
  return withInterrupt((signal) => watchUntilEndOr(signal, runId, options));
}

/** The same until the signal aborts. */
export async function watchUntilEndOr(
  signal: AbortSignal,
  runId: string,
  options: EndingOptions,
): Promise<ExitCode> {
  return reportEnd(runId, await watch(runId, options, signal), options);
}

export async function watch(runId: string, options: EndingOptions, signal: AbortSignal): Promise<Followed> {
  const { cli, session, output, json } = options;
  const view = createProgressView(output);
  const announcer = { cli, session, output, view };
  const onWaiting = async (run: Run, closed: AbortSignal) => {
    if (run.phase !== 'conflict') return announceWaiting(run, announcer);
    const conflicts = await readConflicts(session.ledger, run, queryProgress(session));
    announceConflicts(runId, conflicts, announcer);
    if (!json) await answerConflicts({ runId, conflicts, cli, session, view, interrupted: signal, closed });
  };
  const { ledger, executions } = session;
  const readProgress = async (run: Run) => {
    const operation = cli.operations.find(({ kind }) => kind === run.kind);
    return (await operation?.readProgress?.(ledger, run)) ?? null;
  };
  return follow(runId, {
    ...{ ledger, executions, view, command: cli.command, signal },
    ...{ onWaiting, readProgress },
  });
}

const queryProgress = (session: Session) => async (runId: string) => (await session.client()).progress(runId);

/** Ctrl-C aborts the signal. A second Ctrl-C ends the process. */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = () => controller.abort();
  process.once('SIGINT', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

interface Announcer {
  readonly cli: Cli;
  readonly session: Session;
  readonly output: Output;
  readonly view: ProgressView;
}

function announce(what: string, steps: readonly Step[], { output, view }: Announcer): void {
  view.print(`\n${output.colors.bold(what)}\n${renderSteps('next, in another terminal', steps)}\n`);
}

function announceConflicts(runId: string, conflicts: readonly ShownConflict[], announcer: Announcer): void {
  const { cli, view } = announcer;
  view.print(`\n${renderConflicts(conflicts)}`);
  const reviewed = conflicts.map(({ hash }) => hash);
  announce('the run waits for your decision', stepsForConflict(runId, reviewed, cli.command), announcer);
}

/** Of the reason why a run has paused itself. */
const COLUMNS = 78;

async function announceWaiting(run: Run, announcer: Announcer): Promise<void> {
  const { cli, session, view } = announcer;
  const { run_id: runId } = run;
  if (run.phase === 'awaiting_approval') {
    const plan = readPlan(run);
    const details = await readPlanDetails(cli, session.ledger, runId);
    if (plan) view.print(`\n${renderPlan(plan, run.target, { withReasons: true, details })}`);
    announce('the run waits for approval', stepsForApproval(runId, run.plan_hash, cli.command), announcer);
  } else if (run.phase === 'in_doubt') {
    const writes = await session.ledger.writes.listInDoubt(run.run_no);
    const records = writes.reduce((sum, write) => sum + write.records, 0);
    const what = `CXone never answered ${plural(writes.length, 'write')} with ${plural(records, 'record')}`;
    announce(what, stepsForDoubt(runId, cli.command), announcer);
  } else {
    if (run.waiting_for !== null)
      view.print(`\n${wrapText(`it waits for ${printable(run.waiting_for)}`, COLUMNS).join('\n')}`);
    announce('the run is paused', stepsForPause(runId, cli.command), announcer);
  }
}
