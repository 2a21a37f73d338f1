/** The simulator's command line. docs/simulator.md explains each flag. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { FAULT_RULES } from './faults.ts';
import { SETTINGS } from './settings.ts';
import type { SimulatorOptions } from './simulator.ts';

const FLAGS = {
  port: { type: 'string' },
  host: { type: 'string' },
  seed: { type: 'string' },
  journal: { type: 'string' },
  faults: { type: 'string' },
  client: { type: 'string', multiple: true },
  'latency-ms': { type: 'string' },
  'rate-per-minute': { type: 'string' },
  'rate-window-seconds': { type: 'string' },
  'retry-after-as': { type: 'string' },
  naming: { type: 'string' },
  'non-atomic': { type: 'boolean' },
  'take-duplicates': { type: 'boolean' },
  'strict-lists': { type: 'boolean' },
  'token-seconds': { type: 'string' },
  'withhold-scope': { type: 'string', multiple: true },
  'blocked-number': { type: 'string', multiple: true },
  'idempotency-key-seconds': { type: 'string' },
  'preferences-as': { type: 'string' },
  'clock-offset-seconds': { type: 'string' },
  'outdated-status': { type: 'string' },
  'campaign-etag': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const USAGE = `Usage: simulator [flags]
  --port N                 0 = any free one (default)
  --host HOST              default 127.0.0.1
  --seed N                 of the faults' probabilities, default 1
  --journal FILE           NDJSON of what was applied; an existing one is gone on from
  --faults FILE.json       fault rules to start with
  --client ID:SECRET       the only clients known (repeatable); default: any
  --latency-ms N           added to every request
  --rate-per-minute N      0 = no limit (default)
  --rate-window-seconds N  default 60
  --retry-after-as FORM    seconds (default), http-date or none
  --naming WHO             all (default) or none: whether 400 and 409 name records
  --non-atomic             a batch with duplicates creates the others and answers 200
  --take-duplicates        a list takes what it has once more
  --strict-lists           a list or campaign that nobody created is 404
  --token-seconds N        default 3600
  --withhold-scope SCOPE   a scope that no token gets (repeatable)
  --blocked-number NUMBER  a number that the tenant refuses (repeatable)
  --idempotency-key-seconds N  how long preference batches are remembered, default 86400
  --preferences-as FORM    object (default) or array: what GET preferences answers
  --clock-offset-seconds N its clock is so far ahead (negative: behind)
  --outdated-status N      409 (default) or 412: what a PATCH with an old version is answered
  --campaign-etag          campaigns come with an ETag
All but the first six can be changed while it runs: POST /_sim/settings.`;

const INTEGER = z.coerce.number().int();

/** Null: help was asked for. Errors: TypeError or ZodError for wrong flags, and what reading the file of faults throws. */
export function readFlags(argv: readonly string[]): SimulatorOptions | null {
  const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: true });
  if (values.help === true) return null;
  const number = (text: string | undefined) =>
    text === undefined ? undefined : z.coerce.number().parse(text);
  const settings = SETTINGS.partial().parse({
    latencyMs: number(values['latency-ms']),
    ratePerMinute: number(values['rate-per-minute']),
    rateWindowSeconds: number(values['rate-window-seconds']),
    retryAfterAs: values['retry-after-as'],
    naming: values.naming,
    atomic: values['non-atomic'] === true ? false : undefined,
    refuseDuplicates: values['take-duplicates'] === true ? false : undefined,
    strictLists: values['strict-lists'],
    tokenSeconds: number(values['token-seconds']),
    withheldScopes: values['withhold-scope'],
    blockedNumbers: values['blocked-number'],
    idempotencyKeySeconds: number(values['idempotency-key-seconds']),
    preferencesAs: values['preferences-as'],
    clockOffsetSeconds: number(values['clock-offset-seconds']),
    outdatedStatus: number(values['outdated-status']),
    campaignEtag: values['campaign-etag'],
  });
  return {
    ...(settings as SimulatorOptions),
    port: INTEGER.min(0)
      .max(65_535)
      .parse(values.port ?? 0),
    host: values.host ?? '127.0.0.1',
    seed: INTEGER.parse(values.seed ?? 1),
    journalPath: values.journal ?? null,
    faults: values.faults === undefined ? [] : readFaults(values.faults),
    clients: values.client === undefined ? null : Object.fromEntries(values.client.map(readClient)),
  };
}

function readFaults(path: string) {
  return FAULT_RULES.parse(JSON.parse(readFileSync(path, 'utf8')));
}

function readClient(pair: string): [string, string] {
  const colon = pair.indexOf(':');
  if (colon < 1) throw new TypeError('--client must be ID:SECRET');
  return [pair.slice(0, colon), pair.slice(colon + 1)];
}
