/** Waits for runs of fault tests: not for a fixed time, but for as long as the run gets anywhere. */
import { setTimeout as delay } from 'node:timers/promises';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { CxflowClient } from '../../src/client.ts';
import type { RunResult } from '../../src/contract/run.ts';
import { PATIENCE_MS } from '../harness/wait.ts';

export interface Awaited {
  readonly client: CxflowClient;
  readonly runId: string;
  /** `the run to end` */
  readonly what: string;
}

const POLL_MS = 5_000;

/** Rejects once nothing has changed for PATIENCE_MS: what makes progress may take its time on a busy machine. */
export async function unlessStuck<T>(promise: Promise<T>, awaited: Awaited): Promise<T> {
  const over = new AbortController();
  try {
    return await Promise.race([promise, failWhenStuck(awaited, over.signal)]);
  } finally {
    over.abort();
  }
}

/**
 * The result of a run. If Temporal is restarted while we wait, or is too busy to answer, the wait fails but the run does not, so
 * it is awaited again. Errors: the last of many failures in a row; that the run failed.
 */
export async function resultOf<R extends RunResult>(client: CxflowClient, runId: string): Promise<R> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await client.result<R>(runId);
    } catch (error) {
      if (!isOutage(error) || failures === MAX_FAILURES) throw error;
      await delay(RETRY_MS, undefined, { ref: false });
    }
  }
}

/** Of Temporal: it did not answer. */
export const isOutage = (error: unknown): boolean =>
  error instanceof Error && /^(ServiceError|TransportError)$/.test(error.name);

const RETRY_MS = 300;
const MAX_FAILURES = 500;

async function failWhenStuck({ client, runId, what }: Awaited, signal: AbortSignal): Promise<never> {
  let [seen, since] = ['', performance.now()];
  for (;;) {
    await delay(POLL_MS, undefined, { signal, ref: false });
    const now = await lookAt(client, runId).catch(() => seen);
    if (now !== seen) [seen, since] = [now, performance.now()];
    else if (performance.now() - since > PATIENCE_MS)
      throw new Error(
        `waited for ${what}, but ${runId} did nothing for ${PATIENCE_MS} ms:\n${await describe(client, runId)}`,
      );
  }
}

async function lookAt({ ledger }: CxflowClient, runId: string): Promise<string> {
  const run = await ledger.runs.find(runId);
  return JSON.stringify([run?.state, run?.phase, run && (await ledger.runs.exactCounts(run.run_no))]);
}

interface History {
  readonly events: readonly { readonly eventTime: string; readonly eventType: string }[];
}

/** What the run waits for, according to itself and to Temporal. */
async function describe(client: CxflowClient, runId: string): Promise<string> {
  const handle = client.temporal.workflow.getHandle(runId);
  const descriptions = [
    async () => ({ progress: await client.progress(runId) }),
    async () => {
      const { pendingActivities, pendingWorkflowTask, pendingChildren } = (await handle.describe()).raw;
      return { pendingActivities, pendingWorkflowTask, pendingChildren };
    },
    async () => {
      const history = JSON.parse(historyToJSON(await handle.fetchHistory())) as History;
      return {
        lastEvents: history.events.slice(-10).map(({ eventTime, eventType }) => `${eventTime} ${eventType}`),
      };
    },
  ];
  const lines = descriptions.map((each) => each().then(JSON.stringify, String));
  return (await Promise.all(lines)).join('\n');
}
