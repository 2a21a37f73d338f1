/** Watches a run on the terminal to its end, or until Ctrl-C; shows what it waits for as it comes. */
import type { Run } from '../../ledger/runs/runs.ts';
import type { Output } from '../cli.ts';
import { askSides, conflictsOf, renderConflicts, seenOf } from '../render/conflicts.ts';
import { type EndingDeps, tellEnd } from './ending.ts';
import type { ExitCode } from '../exit-codes.ts';
import { follow, type Followed } from './follow.ts';
import { plural } from '../terminal/format.ts';
import {
  renderSteps,
  type Step,
  stepsForApproval,
  stepsForConflict,
  stepsForDoubt,
  stepsForPause,
} from '../render/next-steps.ts';
import { renderPlan } from '../render/run-result.ts';
import { planOf } from '../../queries/run-facts.ts';
import type { Session } from '../session.ts';
import { createView, type View } from '../terminal/progress-view.ts';

export async function watchToEnd(runId: string, deps: EndingDeps): Promise<ExitCode> {
  const followed = await withInterrupt((signal) => watch(runId, deps, signal));
  return tellEnd(runId, followed, deps);
}

export async function watch(runId: string, deps: EndingDeps, signal: AbortSignal): Promise<Followed> {
  const { cli, session, output } = deps;
  const view = createView(output);
  const onWaiting = async (run: Run, over: AbortSignal) => {
    if (run.phase !== 'conflict') return tellWaiting(run, session, cli.command, output, view);
    const conflicts = await conflictsOf(session, run);
    tellConflicts(run, conflicts, cli.command, output, view);
    if (!deps.json) await answerHere({ run, conflicts, deps, view, signal, over });
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

interface Question {
  readonly run: Run;
  readonly conflicts: Conflicts;
  readonly deps: EndingDeps;
  readonly view: View;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
  /** Somebody answered elsewhere, or it is asked anew. */
  readonly over: AbortSignal;
}

type Conflicts = Awaited<ReturnType<typeof conflictsOf>>;

/** On a terminal: the answer may be given right here, for what is shown; whatever else answers first wins. */
async function answerHere({ run, conflicts, deps, view, signal, over }: Question): Promise<void> {
  const { cli, session } = deps;
  const { ask } = cli;
  const ended = AbortSignal.any([signal, over]);
  if (!ask || ended.aborted) return;
  view.end();
  const answers = await askSides(conflicts, (question) => ask(question, ended));
  if (over.aborted && !signal.aborted) return view.say('\nno answer is needed here any more');
  if (answers === null) return;
  const seen = seenOf(conflicts);
  const decision = { action: 'resolve', by: cli.login, answers, ...(seen && { seen }) } as const;
  const client = await session.client();
  await client.decide(run.run_id, decision).then(
    () => view.say('answered'),
    (error: unknown) => view.say(error instanceof Error ? error.message : String(error)),
  );
}

function teller({ colors }: Output, view: View) {
  return (what: string, steps: readonly Step[]) =>
    view.say(`\n${colors.bold(what)}\n${renderSteps('next, in another terminal', steps)}\n`);
}

function tellConflicts(run: Run, conflicts: Conflicts, command: string, output: Output, view: View): void {
  view.say(`\n${renderConflicts(conflicts)}`);
  teller(output, view)(
    'the run waits for your word',
    stepsForConflict(run.run_id, seenOf(conflicts), command),
  );
}

async function tellWaiting(run: Run, session: Session, command: string, output: Output, view: View) {
  const tell = teller(output, view);
  if (run.phase === 'awaiting_approval') {
    const plan = planOf(run);
    if (plan) view.say(`\n${renderPlan(plan)}`);
    tell('the run waits for approval', stepsForApproval(run.run_id, run.plan_hash, command));
  } else if (run.phase === 'in_doubt') {
    const writes = await session.ledger.writes.listInDoubt(run.run_no);
    const records = writes.reduce((sum, write) => sum + write.records, 0);
    const what = `CXone never answered ${plural(writes.length, 'write')} of ${plural(records, 'record')}`;
    tell(what, stepsForDoubt(run.run_id, command));
  } else {
    tell('the run is paused', stepsForPause(run.run_id, command));
  }
}
