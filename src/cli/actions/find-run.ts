/** A run by its id, or an error that says which of the two things is wrong. */
import { RunNotFound } from '../../client.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Session } from '../session.ts';

/** Temporal has the run, and no worker has taken it up: the ledger knows nothing of it yet. */
export class RunNotBegun extends Error {
  override readonly name = 'RunNotBegun';
  readonly next: string;
  constructor(runId: string, command: string) {
    super(`${runId} has been started, but no worker has taken it up yet`);
    this.next = `start one: \`${command} worker\``;
  }
}

/** Errors: RunNotFound, RunNotBegun. */
export async function findRun(
  { ledger, executions }: Pick<Session, 'ledger' | 'executions'>,
  runId: string,
  command: string,
): Promise<Run> {
  const run = await ledger.runs.find(runId);
  if (run) return run;
  const waits = (await executions.status(runId)) === 'running';
  throw waits ? new RunNotBegun(runId, command) : new RunNotFound(runId);
}
