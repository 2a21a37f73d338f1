/** Why the ledger does not have a run. */
import { RunNotFound } from '../../client/errors.ts';
import type { Session } from '../cli.ts';

/** Temporal has the run, but no worker has started to execute it. */
export class RunNotTakenUp extends Error {
  override readonly name = 'RunNotTakenUp';
  readonly next: string;
  constructor(runId: string, command: string) {
    super(`run ${runId} has been started, but no worker has taken it up yet`);
    this.next = `start a worker: \`${command} worker\``;
  }
}

/** Returns the error to throw. */
export async function explainMissingRun(
  { executions }: Pick<Session, 'executions'>,
  runId: string,
  command: string,
): Promise<RunNotFound | RunNotTakenUp> {
  const status = await executions.status(runId);
  return status === 'running' ? new RunNotTakenUp(runId, command) : new RunNotFound(runId);
}
