/**
 * Records the history of a run as a fixture: `node --import tsx test/replay/record.ts RUN NAME`, with TEMPORAL_ADDRESS
 * set. When a workflow changes, the fixtures of released versions stay: a run of theirs may still be under way.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

/** What names a machine or a path of it has no place in a fixture, and none in a replay. */
const PRIVATE = ['identity', 'stackTrace', 'hostName', 'workerInstanceKey'];

function withoutMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    PRIVATE.includes(key) ? '' : withoutMachine(inner),
  ]);
  return Object.fromEntries(entries) as unknown;
}

const [runId, name] = process.argv.slice(2);
if (!runId || !name) throw new Error('which run, and under which name?');
const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233' });
const history = await new Client({ connection }).workflow.getHandle(runId).fetchHistory();
const json = withoutMachine(JSON.parse(historyToJSON(history)));
writeFileSync(join(import.meta.dirname, 'histories', `${name}.json`), `${JSON.stringify(json)}\n`);
await connection.close();
