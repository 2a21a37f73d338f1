/** Which run somebody means: by its id, by the beginning of one id only, or as `latest`. */
import { RunNotFound } from '../../client/errors.ts';
import { TEXT_RULES, textProblem } from '../../domain/text.ts';
import { isTransient } from '../../ledger/errors.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, LATEST, type Session } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { writeText } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';

/** Temporal has the run, but no worker has started to execute it. */
export class RunNotTakenUp extends Error {
  override readonly name = 'RunNotTakenUp';
  readonly next: string;
  constructor(runId: string, command: string) {
    super(`run ${runId} has been started, but no worker has taken it up yet`);
    this.next = `unless one is busy, start a worker: \`${command} worker\``;
  }
}

/** Throws UsageError, RunNotFound, RunNotTakenUp. */
export async function findRun(cli: Cli, session: Session, given: string): Promise<Run> {
  const runId = await findRunId(cli, session, given);
  const run = await session.ledger.runs.find(runId);
  if (run) return run;
  const status = await session.executions.status(runId);
  throw status === 'running' ? new RunNotTakenUp(runId, cli.command) : new RunNotFound(runId);
}

/** The run that `--before` names: the page lists older ones. Throws UsageError, RunNotFound. */
export async function findRunBefore(
  cli: Cli,
  session: Session,
  { before }: { readonly before?: string },
): Promise<Run | undefined> {
  return before === undefined ? undefined : findRun(cli, session, before);
}

type Found = Pick<Session, 'executions'> & {
  readonly ledger: { readonly runs: Pick<Session['ledger']['runs'], 'find' | 'listIds'> };
};

/**
 * The id of the run, which may be one that only Temporal knows, or nobody. Says which one it is if the id was not given in full.
 * While the database does not answer, it is taken as given: a run can be steered even then. Throws UsageError.
 */
export async function findRunId(
  cli: Pick<Cli, 'stderr' | 'command'>,
  session: Found,
  given: string,
): Promise<string> {
  const problem = textProblem(given, TEXT_RULES.id);
  if (problem !== null) throw new UsageError(`the run id ${problem}`);
  const found = await search(session, given, cli.command).catch((error: unknown) => {
    if (isTransient(error) && given !== LATEST) return given;
    throw error;
  });
  if (found !== given) writeText(cli.stderr, `${given} is run ${found}\n`);
  return found;
}

const MOST_SHOWN = 5;

async function search({ ledger, executions }: Found, given: string, command: string): Promise<string> {
  const { runs } = ledger;
  if (given === LATEST) {
    const [newest] = await runs.listIds('', 1);
    if (newest === undefined) throw new UsageError('there is no run yet, so none is the latest');
    return newest;
  }
  if (await runs.find(given)) return given;
  const [first, ...others] = await runs.listIds(given, MOST_SHOWN + 1);
  if (first === undefined) return given;
  // A run with exactly this id may have been started a moment ago, and must not be mistaken for another.
  if (['running', 'ended'].includes(await executions.status(given))) return given;
  if (others.length === 0) return first;
  const shown = [first, ...others].slice(0, MOST_SHOWN).map(printable).join(', ');
  const more = others.length >= MOST_SHOWN ? `, …; \`${command} runs\` lists them` : '';
  throw new UsageError(`several runs begin with ${given}: ${shown}${more}; give more of the id`);
}
