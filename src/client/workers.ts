/** Whether a worker is there that merely does not answer. */
import type { Client } from '@temporalio/client';
import { TASK_QUEUE } from '../contract/run.ts';
import { NoWorkerAnswered } from './errors.ts';

/** A poll lasts up to a minute, so a worker that waits for work was seen within that time. */
const SEEN_WITHIN_MS = 90_000;
/** Temporal's numbers for the two kinds of queue: a worker that is busy with the one may still poll the other. */
const WORKFLOWS = 1;
const ACTIVITIES = 2;
const KINDS = [WORKFLOWS, ACTIVITIES];
/** Temporal's number for a description of all partitions of a queue, not only of the first one. */
const ALL_PARTITIONS = 1;

/** False also if Temporal does not say. */
export async function wasWorkerSeen(temporal: Client): Promise<boolean> {
  const seen = await Promise.all([...KINDS.map((kind) => seenAt(temporal, kind)), seenAnywhere(temporal)]);
  return seen.flat().some((at) => Date.now() - at < SEEN_WITHIN_MS);
}

/** When workers polled the first partition of the queue, where polls that find nothing end up. In ms since 1970. */
async function seenAt(temporal: Client, taskQueueType: number): Promise<readonly number[]> {
  const described = await describe(temporal, { taskQueueType });
  return timesOf(described?.pollers);
}

/**
 * When workers polled any partition: a poll that finds a task in another one than the first is known only there. Servers before
 * 1.24 cannot tell, and Temporal may drop this kind of description.
 */
async function seenAnywhere(temporal: Client): Promise<readonly number[]> {
  const described = await describe(temporal, {
    taskQueueType: WORKFLOWS,
    taskQueueTypes: KINDS,
    apiMode: ALL_PARTITIONS,
    reportPollers: true,
    versions: { unversioned: true, allActive: true },
  });
  return Object.values(described?.versionsInfo ?? {})
    .flatMap(({ typesInfo }) => Object.values(typesInfo ?? {}))
    .flatMap(({ pollers }) => timesOf(pollers));
}

type Description = Awaited<ReturnType<Client['workflowService']['describeTaskQueue']>>;
type DescriptionRequest = Parameters<Client['workflowService']['describeTaskQueue']>[0];

/** null: Temporal does not say. */
async function describe(temporal: Client, request: Partial<DescriptionRequest>): Promise<Description | null> {
  const { namespace } = temporal.options;
  const queue = { namespace, taskQueue: { name: TASK_QUEUE }, ...request } as DescriptionRequest;
  return temporal.workflowService.describeTaskQueue(queue).catch(() => null);
}

const timesOf = (pollers: Description['pollers'] | null | undefined): readonly number[] =>
  (pollers ?? []).map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000);

/** `what`: that was to be answered, such as " for run r1". Claims that there is no worker only if none was seen. */
export async function explainSilence(temporal: Client, what: string): Promise<NoWorkerAnswered> {
  const worker = (await wasWorkerSeen(temporal)) ? 'busy' : 'none';
  const message =
    worker === 'busy'
      ? `no answer${what} yet: a worker was seen within the last minute and a half, so it is busy or has just stopped; try again`
      : `no worker answered${what}; start one with \`cxflow worker\``;
  return new NoWorkerAnswered(worker, message);
}
