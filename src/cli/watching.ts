/** Watches a run on the terminal to its end, or until Ctrl-C; shows what it waits for as it comes. */
import type { Run } from '../ledger/runs.ts';
import type { Output } from './cli.ts';
import { askSides, conflictsOf, renderConflicts } from './conflicts.ts';
import { type EndingDeps, tellEnd } from './ending.ts';
import type { ExitCode } from './exit-codes.ts';
import { follow, type Followed } from './follow.ts';
import { plural } from './format.ts';
import {
  renderSteps,
  type Step,
  stepsForApproval,
  stepsForConflict,
  stepsForDoubt,
  stepsForPause,
} from './next-steps.ts';
import { renderPlan } from './report.ts';
import { planOf } from './run-facts.ts';
import type { Session } from './session.ts';
import { createView, type View } from './view.ts';

export async function watchToEnd(runId: string, deps: EndingDeps): Promise<ExitCode> {
  const followed = await withInterrupt((signal) => watch(runId, deps, signal));
  return tellEnd(runId, followed, deps);
}

export async function watch(runId: string, deps: EndingDeps, signal: AbortSignal): Promise<Followed> {
  const { cli, session, output } = deps;
  const view = createView(output);
  const onWaiting = async (run: Run) => {
    await tellWaiting(run, session, cli.command, output, view);
    if (run.phase === 'conflict' && !deps.json) await answerHere(run, deps, view, signal);
  };
  const { ledger, executions } = session;
  return follow(runId, { ledger, executions, view, command: cli.command, signal, onWaiting });
}

/** The first Ctrl-C aborts the signal; a second one ends the process, as ever. */
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

/** On a terminal: the answer may be given right here; whatever else answers first wins. */
async function answerHere(
  run: Run,
  { cli, session }: EndingDeps,
  view: View,
  signal: AbortSignal,
): Promise<void> {
  const { ask } = cli;
  if (!ask) return;
  view.end();
  const answers = await askSides(await conflictsOf(session, run), (question) => ask(question, signal));
  if (answers === null) return;
  const decision = { action: 'resolve', by: cli.login, answers } as const;
  const client = await session.client();
  await client.decide(run.run_id, decision).then(
    () => view.say('answered'),
    (error: unknown) => view.say(error instanceof Error ? error.message : String(error)),
  );
}

async function tellWaiting(run: Run, session: Session, command: string, { colors }: Output, view: View) {
  const tell = (what: string, steps: readonly Step[]) =>
    view.say(`\n${colors.bold(what)}\n${renderSteps('next, in another terminal', steps)}\n`);
  if (run.phase === 'awaiting_approval') {
    const plan = planOf(run);
    if (plan) view.say(`\n${renderPlan(plan)}`);
    tell('the run waits for approval', stepsForApproval(run.run_id, run.plan_hash, command));
  } else if (run.phase === 'in_doubt') {
    const operations = await session.ledger.operations.inDoubt(run.run_no);
    const records = operations.reduce((sum, operation) => sum + operation.records, 0);
    const what = `CXone never answered ${plural(operations.length, 'write')} of ${plural(records, 'record')}`;
    tell(what, stepsForDoubt(run.run_id, command));
  } else if (run.phase === 'conflict') {
    view.say(`\n${renderConflicts(await conflictsOf(session, run))}`);
    tell('the run waits for your word', stepsForConflict(run.run_id, command));
  } else {
    tell('the run is paused', stepsForPause(run.run_id, command));
  }
}
