/**
 * Records the history of a run as a fixture:
 * `temporal workflow show -w RUN -o json | node --import tsx test/replay/record.ts NAME`.
 * When a workflow changes, the fixtures of released versions stay: a run of theirs may still be under way.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What names a machine or a path of it has no place in a fixture, and none in a replay. */
const PRIVATE = ['identity', 'stackTrace', 'hostName', 'workerInstanceKey'];

function withoutMachine(value: unknown): unknown {
  // A worker's own queue is named after its machine.
  if (typeof value === 'string' && /^\d+@/.test(value)) return 'sticky';
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => [
    key,
    PRIVATE.includes(key) ? '' : withoutMachine(inner),
  ]);
  return Object.fromEntries(entries) as unknown;
}

const [name] = process.argv.slice(2);
if (!name) throw new Error('under which name?');
const history = withoutMachine(JSON.parse(readFileSync(0, 'utf8')));
writeFileSync(join(import.meta.dirname, 'histories', `${name}.json`), `${JSON.stringify(history)}\n`);
