/** The simulator's command line. docs/simulator.md explains each flag. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { EMAIL_PLAN } from './email.plan.ts';
import { FAULT_RULES } from './faults.ts';
import { SETTINGS } from './settings.ts';
import type { SimulatorOptions } from './simulator.ts';

const FLAGS = {
  port: { type: 'string' },
  host: { type: 'string' },
  seed: { type: 'string' },
  journal: { type: 'string' },
  faults: { type: 'string' },
  email: { type: 'string' },
  client: { type: 'string', multiple: true },
  'latency-ms': { type: 'string' },
  'rate-per-minute': { type: 'string' },
  'rate-window-seconds': { type: 'string' },
  'retry-after-as': { type: 'string' },
  naming: { type: 'string' },
  'non-atomic': { type: 'boolean' },
  'accept-duplicates': { type: 'boolean' },
  'strict-lists': { type: 'boolean' },
  'token-seconds': { type: 'string' },
  'withhold-scope': { type: 'string', multiple: true },
  'blocked-number': { type: 'string', multiple: true },
  warning: { type: 'string', multiple: true },
  'idempotency-key-seconds': { type: 'string' },
  'preferences-as': { type: 'string' },
  'clock-offset-seconds': { type: 'string' },
  'suppressions-as': { type: 'string' },
  'suppressions-per-page': { type: 'string' },
  'without-item-count': { type: 'boolean' },
  'outdated-status': { type: 'string' },
  'not-suppressed-as': { type: 'string' },
  'blocked-address': { type: 'string', multiple: true },
  'email-recipients-in-answer': { type: 'boolean' },
  'email-idempotent': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const USAGE = `Usage: simulator [flags]
  --port N                 default 0: any free port
  --host HOST              default 127.0.0.1
  --seed N                 seed for the probabilities of faults, default 1
  --journal FILE           NDJSON of all applied changes; an existing file is read first and continued
  --faults FILE.json       the initial fault rules
  --email FILE.json        what becomes of emails; default: they are delivered
  --client ID:SECRET       accept only this client (repeatable); default: any client
  --latency-ms N           delay added to every request
  --rate-per-minute N      default 0: no limit
  --rate-window-seconds N  default 60
  --retry-after-as FORM    seconds (default), http-date or none
  --naming WHO             all (default) or none: whether a 400 or 409 names the records or items it concerns
  --non-atomic             from a batch with duplicates, create the others and answer 200
  --accept-duplicates      create records and items that are already in the list once more
  --strict-lists           answer 404 for lists and campaigns that have not been created
  --token-seconds N        lifetime of a token, default 3600
  --withhold-scope SCOPE   never grant this scope (repeatable)
  --blocked-number NUMBER  reject records and items with this number (repeatable)
  --warning TEXT           add this text to the warnings of every answer about contacts and items (repeatable)
  --idempotency-key-seconds N  lifetime of the idempotency key of a preference batch or a message, default 86400
  --preferences-as FORM    object (default) or array: the form of the answer to GET preferences
  --clock-offset-seconds N how far the simulator's clock is ahead (negative: behind)
  --suppressions-as FORM   array (default) or pages
  --suppressions-per-page N  default 1000
  --without-item-count     do not say how many items of a batch were created
  --outdated-status N      409 (default) or 412: the answer to a PATCH with an old version
  --not-suppressed-as FORM not-found (default) or empty: the answer for an address without an email suppression
  --blocked-address ADDRESS  reject messages to this address (repeatable)
  --email-recipients-in-answer  the answer to a message has the ids of its recipients
  --email-idempotent       answer a message with a known key with its first job, and do not send it once more
All but the first seven can be changed at run time: POST /_sim/settings.`;

const INTEGER = z.coerce.number().int();

/** Null if `--help` is given. Errors: TypeError or ZodError for wrong flags; errors of reading a file. */
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
    refuseDuplicates: values['accept-duplicates'] === true ? false : undefined,
    strictLists: values['strict-lists'],
    tokenSeconds: number(values['token-seconds']),
    withheldScopes: values['withhold-scope'],
    blockedNumbers: values['blocked-number'],
    warnings: values.warning,
    idempotencyKeySeconds: number(values['idempotency-key-seconds']),
    preferencesAs: values['preferences-as'],
    clockOffsetSeconds: number(values['clock-offset-seconds']),
    suppressionsAs: values['suppressions-as'],
    suppressionsPerPage: number(values['suppressions-per-page']),
    countItems: values['without-item-count'] === true ? false : undefined,
    outdatedStatus: number(values['outdated-status']),
    notSuppressedAs: values['not-suppressed-as'],
    blockedAddresses: values['blocked-address'],
    emailRecipientsInAnswer: values['email-recipients-in-answer'],
    emailIdempotent: values['email-idempotent'],
  });
  return {
    ...(settings as SimulatorOptions),
    port: INTEGER.min(0)
      .max(65_535)
      .parse(values.port ?? 0),
    host: values.host ?? '127.0.0.1',
    seed: INTEGER.parse(values.seed ?? 1),
    journalPath: values.journal ?? null,
    faults: values.faults === undefined ? [] : FAULT_RULES.parse(readJson(values.faults)),
    email: values.email === undefined ? {} : EMAIL_PLAN.parse(readJson(values.email)),
    clients: values.client === undefined ? null : Object.fromEntries(values.client.map(readClient)),
  };
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function readClient(pair: string): [string, string] {
  const colon = pair.indexOf(':');
  if (colon < 1) throw new TypeError('--client must be ID:SECRET');
  return [pair.slice(0, colon), pair.slice(colon + 1)];
}
