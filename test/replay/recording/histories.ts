/** Writes the histories of a run to test/replay/histories, without anything that identifies the machine. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

export const HISTORIES = join(import.meta.dirname, '../histories');

/** Fields that name a machine or its paths. Replaying does not need them. */
const PRIVATE = ['identity', 'stackTrace', 'hostName', 'workerInstanceKey'];

/** A run that continued as new has several files; the second and later ones are numbered. */
export async function saveHistories(client: Client, workflowId: string, name: string): Promise<void> {
  const histories = [];
  let runId: string | null | undefined;
  do {
    const history = await client.workflow.getHandle(workflowId, runId ?? undefined).fetchHistory();
    histories.unshift(history);
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
  } while (runId);
  const ofThisName = new RegExp(`^${name}(-\\d+)?\\.json$`);
  for (const file of readdirSync(HISTORIES).filter((each) => ofThisName.test(each)))
    rmSync(join(HISTORIES, file));
  for (const [n, history] of histories.entries()) {
    const redacted = redact(JSON.parse(historyToJSON(history)));
    const file = n === 0 ? name : `${name}-${n + 1}`;
    writeFileSync(join(HISTORIES, `${file}.json`), `${JSON.stringify(redacted)}\n`);
  }
}

function redact(value: unknown): unknown {
  // A worker's sticky queue is named after its machine.
  if (typeof value === 'string' && /^\d+@/.test(value)) return 'sticky';
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => [
    key,
    PRIVATE.includes(key) ? '' : redact(inner),
  ]);
  return Object.fromEntries(entries) as unknown;
}
