/** Every setting but those of the CXone families (families.ts). docs/settings.md is generated from these tables. */

import { MAX_RECIPIENTS_PER_MESSAGE } from '../cxone/email.wire.ts';
import { MAX_ITEMS_PER_REQUEST } from '../cxone/lists.wire.ts';
import { MAX_PREFERENCES_PER_REQUEST } from '../cxone/preferences.wire.ts';
import { WEBHOOK_ADDRESSES } from '../domain/email-address.ts';
import { DEFAULT_SOURCE_LIMITS, SOURCE_LIMIT_RANGES, type SourceLimits } from '../domain/source-limits.ts';
import type { SubscriberRules } from '../domain/subscriber-address.ts';
import { databaseUrl, hostList, webhookUrl } from './addresses.ts';
import {
  choice,
  type Documentation,
  flag,
  integer,
  name,
  type Setting,
  secret,
  signingSecrets,
  text,
  timeZone,
} from './setting.ts';
import { DEFAULT_TEMPORAL_ADDRESS, DEFAULT_TEMPORAL_NAMESPACE } from './temporal.ts';

export const LEDGER = {
  databaseUrl: databaseUrl({
    name: 'DATABASE_URL',
    server: 'ledger',
    meaning:
      'The PostgreSQL database of the ledger. The parameter `statement_timeout` is how long a statement may take, in ' +
      'milliseconds, up to 600000; default 120000.',
    neededBy: 'worker, all commands',
    shownDefault: 'the database of the stack that runs in this folder',
  }),
  pepper: secret({
    name: 'CXFLOW_PEPPER',
    meaning:
      'Part of the key with which contact ids are hashed, so that a copy of the database alone does not reveal who is ' +
      'in it. The same for the worker and all commands. It cannot be changed once a worker has used the ledger.',
    neededBy: 'consent, erasure',
  }),
};

export const TEMPORAL = {
  temporalAddress: text({
    name: 'TEMPORAL_ADDRESS',
    server: 'temporal',
    meaning: 'Host and port of the Temporal server.',
    neededBy: 'worker, commands that start, steer or follow runs',
    shownDefault: `the server of the stack that runs in this folder, else that of a profile, else \`${DEFAULT_TEMPORAL_ADDRESS}\``,
  }),
  temporalNamespace: withFallback(DEFAULT_TEMPORAL_NAMESPACE, {
    name: 'TEMPORAL_NAMESPACE',
    server: 'temporal',
    meaning: 'The namespace at Temporal.',
    shownDefault: `that of a profile, else \`${DEFAULT_TEMPORAL_NAMESPACE}\``,
    neededBy: 'worker, commands that start, steer or follow runs',
  }),
  searchAttributes: choice(['auto', 'off'], {
    name: 'CXFLOW_SEARCH_ATTRIBUTES',
    meaning:
      '`auto`: the worker registers the search attributes of cxflow and sets them on its runs. `off`: it does neither.',
    neededBy: 'worker, `doctor`',
  }),
};

export const LOAD = {
  ratePerMinute: integer(1_000, [0, 1_000_000], {
    name: 'CXFLOW_RATE_PER_MINUTE',
    meaning: 'Requests per minute to CXone, all workers of the tenant together. 0: unlimited.',
    neededBy: 'all operations',
  }),
  maxInFlight: integer(16, [1, 1_000], {
    name: 'CXFLOW_MAX_IN_FLIGHT',
    meaning: 'Requests of one worker that may be in flight at the same time.',
    neededBy: 'all operations',
  }),
  preferencesPerBatch: integer(MAX_PREFERENCES_PER_REQUEST, [1, MAX_PREFERENCES_PER_REQUEST], {
    name: 'CXFLOW_PREFERENCES_PER_BATCH',
    meaning:
      'Preferences in one request. Where CXone answers 429 again and again, 50 is a good value. It counts when a run is ' +
      'planned; batches that exist already stay as they are.',
    neededBy: 'preference update',
  }),
  preferencesIntervalMs: integer(0, [0, 600_000], {
    name: 'CXFLOW_PREFERENCES_INTERVAL_MS',
    meaning:
      'The least time from the claim of one batch of preferences to that of the next, in milliseconds, all workers of the ' +
      'tenant together. 0: only `CXFLOW_RATE_PER_MINUTE` limits them. Lookups and other operations do not wait for it.',
    neededBy: 'preference update',
  }),
  listItemsPerBatch: integer(MAX_ITEMS_PER_REQUEST, [1, MAX_ITEMS_PER_REQUEST], {
    name: 'CXFLOW_LIST_ITEMS_PER_BATCH',
    meaning:
      'List items in one request. It counts when a run is planned; batches that exist already stay as they are.',
    neededBy: 'list load',
  }),
  listIntervalMs: integer(200, [0, 600_000], {
    name: 'CXFLOW_LIST_INTERVAL_MS',
    meaning:
      'The least time from the claim of one batch of list items to that of the next, in milliseconds, all workers of the ' +
      'tenant together. 0: only `CXFLOW_RATE_PER_MINUTE` limits them.',
    neededBy: 'list load',
  }),
  suppressionsMaxAgeSeconds: integer(900, [0, 86_400], {
    name: 'CXFLOW_SUPPRESSIONS_MAX_AGE',
    meaning:
      "How old CXone's suppression list may be when a batch is sent, in seconds. An older one is read again before the " +
      'batch. 0: it is read before every batch.',
    neededBy: 'list load',
  }),
  emailRecipientsPerRequest: integer(100, [1, MAX_RECIPIENTS_PER_MESSAGE], {
    name: 'CXFLOW_EMAIL_PER_REQUEST',
    meaning:
      'Recipients of one request. If its answer is lost, all of them are in doubt. It counts when a run is planned; batches ' +
      'that exist already stay as they are.',
    neededBy: 'email send',
  }),
  emailDailyLimit: integer(5_000, [1, 100_000_000], {
    name: 'CXFLOW_EMAIL_DAILY_LIMIT',
    meaning:
      'Messages on one day, all runs and workers of the tenant together. What exceeds it waits for the next day.',
    neededBy: 'email send',
  }),
  timeZone: timeZone('UTC', {
    name: 'CXFLOW_TIME_ZONE',
    meaning: 'The time zone in which the days of `CXFLOW_EMAIL_DAILY_LIMIT` begin, e.g. `America/New_York`.',
    neededBy: 'email send',
  }),
  emailLookupsMaxAgeSeconds: integer(900, [60, 86_400], {
    name: 'CXFLOW_EMAIL_LOOKUPS_MAX_AGE',
    meaning:
      "How long what CXone says about a recipient's suppression and consent counts, in seconds. A batch that leaves later is " +
      'looked up again.',
    neededBy: 'email send',
  }),
};

export const SOURCES = {
  sourceDir: text({
    name: 'CXFLOW_SOURCE_DIR',
    meaning:
      'The only folder from which a worker reads sources that are given as a path. Every Temporal client can have the ' +
      'files in it imported, so keep nothing else there.',
    neededBy: 'sources that are given as a path',
    shownDefault: 'none: such sources are refused',
  }),
};

export const SOURCE_LIMITS = {
  maxSourceBytes: sourceLimit('maxSourceBytes', {
    name: 'CXFLOW_MAX_SOURCE_BYTES',
    meaning:
      'Maximum size of a source, in bytes of its text in UTF-8. A larger one is refused, and nothing of it is stored. The ' +
      'same for the workers and the command line.',
    neededBy: 'operations with a source',
  }),
  maxRowBytes: sourceLimit('maxRowBytes', {
    name: 'CXFLOW_MAX_ROW_BYTES',
    meaning: 'Maximum size of a row, in bytes of UTF-8. A larger row is `invalid`.',
    neededBy: 'operations with a source',
  }),
  maxFieldCharacters: sourceLimit('maxFieldCharacters', {
    name: 'CXFLOW_MAX_FIELD_CHARACTERS',
    meaning:
      'Maximum length of a cell, or of a value in a JSON object, in characters. A row with a longer one is `invalid`.',
    neededBy: 'operations with a source',
  }),
  maxColumns: sourceLimit('maxColumns', {
    name: 'CXFLOW_MAX_COLUMNS',
    meaning: 'Maximum number of columns of a header, or of keys of a JSON object.',
    neededBy: 'operations with a source',
  }),
};

export const CXONE = {
  tenant: name({
    name: 'CXONE_TENANT',
    server: 'cxone',
    meaning:
      'A name of your choice for the CXone tenant. The ledger belongs to the tenant of its first worker and refuses any ' +
      'other. It stays the same when the OAuth client or an address changes.',
    neededBy: 'worker',
    shownDefault: '`simulator` with `CXONE_API_URL`, else none',
  }),
  duplicatesRefused: flag(true, {
    name: 'CXONE_DUPLICATES_REFUSED',
    meaning:
      'CXone refuses a contact that the list already has, so a batch whose answer was lost may be sent again. `false`: ' +
      'such a batch is in doubt and waits for an operator.',
    neededBy: 'contact import',
  }),
  listsStrictUniqueness: flag(true, {
    name: 'CXONE_LISTS_STRICT_UNIQUENESS',
    meaning:
      'CXone refuses a list item whose deduplication key the list already has, so a batch whose answer was lost may be sent ' +
      'again. `false`: such a batch is in doubt and waits for an operator.',
    neededBy: 'list load',
  }),
  emailIdempotent: flag(false, {
    name: 'CXONE_EMAIL_IDEMPOTENT',
    meaning:
      'CXone answers a repeated `X-Idempotency-Key` of a message with the first job, so a batch whose answer was lost may be ' +
      'sent again while the key is kept. `false`: such a batch is in doubt and waits for an operator.',
    neededBy: 'email send',
  }),
  idempotencyHours: integer(24, [0, 8_760], {
    name: 'CXONE_IDEMPOTENCY_HOURS',
    meaning:
      'How long CXone answers a repeated `X-Idempotency-Key` as it answered the first one. 0: never. Afterwards ' +
      'preferences are read back instead of sent again, and messages are in doubt.',
    neededBy: 'preference update, email send',
  }),
  contactListId: text({
    name: 'CXONE_CONTACT_LIST_ID',
    meaning: 'The list that `contacts import` uses without `--list`.',
    neededBy: 'contact import from the command line',
  }),
};

export const ALLOW_LOOPBACK = flag(false, {
  name: 'CXFLOW_ALLOW_LOOPBACK_WEBHOOKS',
  meaning: 'Events may be sent to this machine, and then over plain http too.',
  neededBy: 'webhooks of a test environment',
});

export const WEBHOOK_HOSTS = hostList({
  name: 'CXFLOW_WEBHOOK_HOSTS',
  meaning:
    'The only hosts that webhooks may have, separated by blanks or commas. `crm.example` permits port 443, ' +
    '`crm.example:8443` that port. A host in a private network needs its address beside its name.',
  neededBy: 'webhooks with another port, or in a private network',
  shownDefault: 'any public host, on port 443',
});

/** Which addresses are valid depends on the values of ALLOW_LOOPBACK and WEBHOOK_HOSTS. */
export function webhookSettings(rules: SubscriberRules) {
  return {
    webhookUrl: webhookUrl(rules, {
      name: 'CRM_WEBHOOK_URL',
      meaning: 'The subscriber that receives webhook events.',
      neededBy: 'webhook events',
      shownDefault: 'none: no events',
    }),
    marketingWebhookUrl: webhookUrl(rules, {
      name: 'MARKETING_WEBHOOK_URL',
      alias: 'EXTERNAL_MARKETING_WEBHOOK_URL',
      meaning: 'The subscriber that receives `preferences.batch.updated`.',
      neededBy: 'webhook events of preference updates',
      shownDefault: '`CRM_WEBHOOK_URL`',
    }),
    addresses: choice(WEBHOOK_ADDRESSES, {
      name: 'CXFLOW_WEBHOOK_ADDRESSES',
      meaning:
        'Email addresses in events: as they are, as the SHA-256 of the mailbox in lower case, or not at all.',
      neededBy: 'webhook events of email sends',
    }),
    syncToken: secret({
      name: 'CRM_SYNC_TOKEN',
      meaning: 'Sent to `CRM_WEBHOOK_URL`, and only there, as the header `X-Sync-Token`.',
      neededBy: 'webhook events',
    }),
    signingSecrets: signingSecrets({
      name: 'CXFLOW_WEBHOOK_SECRET',
      meaning:
        'Signs every event ([webhooks](webhooks.md)). During a rotation two secrets, separated by a blank: both sign.',
      neededBy: 'signatures of webhook events',
      shownDefault: 'none: events are not signed',
    }),
  };
}

function withFallback(fallback: string, documentation: Documentation): Setting<string> {
  return { ...(text(documentation) as Setting<string>), fallback };
}

function sourceLimit(limit: keyof SourceLimits, documentation: Documentation): Setting<number> {
  return integer(DEFAULT_SOURCE_LIMITS[limit], SOURCE_LIMIT_RANGES[limit], documentation);
}
