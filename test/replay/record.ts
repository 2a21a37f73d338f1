/**
 * Records the history of a run as a fixture:
 * `temporal workflow show -w RUN -o json | node --import tsx test/replay/record.ts NAME`.
 * When a workflow changes, keep the histories of released versions, because runs that they started may still be open.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Fields that name a machine or its paths. Replaying does not need them. */
const PRIVATE = ['identity', 'stackTrace', 'hostName', 'workerInstanceKey'];

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

const [name] = process.argv.slice(2);
if (!name) throw new Error('usage: record.ts NAME');
const history = redact(JSON.parse(readFileSync(0, 'utf8')));
writeFileSync(join(import.meta.dirname, 'histories', `${name}.json`), `${JSON.stringify(history)}\n`);
