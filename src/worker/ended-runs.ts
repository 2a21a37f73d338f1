/**
 * Closes runs whose execution in Temporal has ended without closing them: somebody terminated it, it timed out, or Temporal
 * ended it because of its size. By then the workflow itself cannot. Every worker looks for them when it starts and every few
 * seconds; the ledger closes a run once, and never one that has been started again meanwhile.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Ledger } from '../ledger/ledger.ts';
import type { ExecutingRun } from '../ledger/runs/runs.ts';
import { describeError, type Logger } from './log.ts';

const INTERVAL_MS = 15_000;
const OPEN = ['RUNNING', 'PAUSED', 'CONTINUED_AS_NEW'];

export interface EndedRunsDeps {
  readonly ledger: Pick<Ledger, 'runs'>;
  readonly temporal: Pick<Client, 'workflow'>;
  readonly namespace: string;
  readonly log: Pick<Logger, 'warn'>;
}

export interface EndedRuns {
  stop(): Promise<void>;
}

export function watchEndedRuns(deps: EndedRunsDeps): EndedRuns {
  const stopped = new AbortController();
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      await closeEndedRuns(deps).catch((error: unknown) => {
        deps.log.warn({ error: describeError(error) }, 'could not look for runs whose execution has ended');
      });
      await delay(INTERVAL_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await watching;
    },
  };
}

export async function closeEndedRuns({ ledger, temporal, namespace, log }: EndedRunsDeps): Promise<void> {
  // The ledger is read before Temporal; closing a run checks that the run still belongs to the execution read here.
  for (const run of await ledger.runs.listExecuting(namespace)) {
    const end = await findEnd(temporal, run);
    if (end === null) continue;
    const message = `its execution in Temporal ${end} before it could close the run. Start the same run again to continue it`;
    const failure = { type: 'ExecutionEnded', message };
    if (await ledger.runs.closeEnded({ ...run, failure })) log.warn({ run: run.runId }, message);
  }
}

/** How the execution ended; null while it is open. */
async function findEnd(
  { workflow }: EndedRunsDeps['temporal'],
  { runId }: ExecutingRun,
): Promise<string | null> {
  try {
    const { status } = await workflow.getHandle(runId).describe();
    return OPEN.includes(status.name) ? null : `ended (${status.name.toLowerCase()})`;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'was deleted';
    throw error;
  }
}
