/** Whether a worker is there that merely does not answer. */
import type { Client } from '@temporalio/client';
import { TASK_QUEUE } from '../contract/run.ts';
import { NoWorkerAnswered } from './errors.ts';

/** A poll lasts up to a minute, so a worker that waits for work was seen within that time. */
const SEEN_WITHIN_MS = 90_000;
/** Temporal's names for the two queues: a worker that is busy with the one may still poll the other. */
const WORKFLOWS = 1;
const ACTIVITIES = 2;

/** False also if Temporal does not say. */
export async function wasWorkerSeen(temporal: Client): Promise<boolean> {
  const seen = await Promise.all([wasSeen(temporal, WORKFLOWS), wasSeen(temporal, ACTIVITIES)]);
  return seen.includes(true);
}

async function wasSeen(temporal: Client, taskQueueType: number): Promise<boolean> {
  const { namespace } = temporal.options;
  const queue = { namespace, taskQueue: { name: TASK_QUEUE }, taskQueueType };
  const described = await temporal.workflowService.describeTaskQueue(queue).catch(() => null);
  const times = described?.pollers?.map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000);
  return (times ?? []).some((at) => Date.now() - at < SEEN_WITHIN_MS);
}

/** `what`: that was to be answered, such as " for run r1". Claims that there is no worker only if none was seen. */
export async function explainSilence(temporal: Client, what: string): Promise<NoWorkerAnswered> {
  if (await wasWorkerSeen(temporal))
    return new NoWorkerAnswered(
      `no answer${what} yet: a worker was seen within the last minute and a half, so it is busy or has just stopped; try again`,
    );
  return new NoWorkerAnswered(`no worker answered${what}; start one with \`cxflow worker\``);
}
