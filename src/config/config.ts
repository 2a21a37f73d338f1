/**
 * The configuration, read from the environment by `loadConfig` and nowhere else. The settings are described where they
 * are defined (settings.ts, families.ts); docs/settings.md is generated from there (docs/adr/0019-settings.md).
 */

import { readFileSync } from 'node:fs';
import type { Family } from '../cxone/families.wire.ts';
import type { FamilySettings } from '../cxone/settings.ts';
import type { WebhookAddresses } from '../domain/email-address.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import type { SubscriberRules } from '../domain/subscriber-address.ts';
import { COMMON, readFamilies } from './families.ts';
import { type Env, type ReadFile, SettingsReader } from './reader.ts';
import type { Secret } from './secret.ts';
import type { Values } from './setting.ts';
import {
  ALLOW_LOOPBACK,
  CXONE,
  LEDGER,
  LOAD,
  SOURCE_LIMITS,
  SOURCES,
  TEMPORAL,
  WEBHOOK_HOSTS,
  webhookSettings,
} from './settings.ts';
import { readTemporalProfile } from './temporal.ts';

export interface Config
  extends Values<typeof LEDGER>,
    Values<typeof TEMPORAL>,
    Values<typeof LOAD>,
    Values<typeof SOURCES> {
  readonly cxone: Values<typeof CXONE> & {
    readonly families: Readonly<Record<Family, FamilySettings>>;
    /** null: none was given, and CXone is not replaced. */
    readonly tenant: string | null;
  };
  readonly sourceLimits: SourceLimits;
  readonly crm: {
    readonly webhookUrl: string | null;
    /** null: there is no webhook at all. */
    readonly marketingWebhookUrl: string | null;
    readonly syncToken: Secret | null;
    /** Empty: events are not signed. */
    readonly signingSecrets: readonly Secret[];
    readonly addresses: WebhookAddresses;
  } & SubscriberRules;
}

/** The environment cannot be used. `problems` has one line for each problem: variable, what is wrong, what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `The environment has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/**
 * Throws ConfigError with every problem at once. No message contains the value of a secret.
 * @param readFile reads the files that `*_FILE` variables name; everything else is pure, except for Temporal's profile
 */
export function loadConfig(env: Env, readFile: ReadFile = (path) => readFileSync(path, 'utf8')): Config {
  const reader = new SettingsReader(env, readFile);
  const families = readFamilies(reader);
  const config: Config = {
    cxone: { ...readCxone(reader), families },
    ...reader.readAll(LEDGER),
    ...reader.readAll(TEMPORAL),
    ...readTemporalProfile(env),
    ...reader.readAll(LOAD),
    ...reader.readAll(SOURCES),
    sourceLimits: reader.readAll(SOURCE_LIMITS),
    crm: readWebhooks(reader),
  };
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}

/** Only the tenant, for a client that needs no other setting of CXone; null: none is named. Throws ConfigError. */
export function loadTenant(env: Env): string | null {
  const reader = new SettingsReader(env, () => '');
  const { tenant } = readCxone(reader);
  const problems = reader.problems.filter((problem) => problem.startsWith(CXONE.tenant.name));
  if (problems.length > 0) throw new ConfigError(problems);
  return tenant;
}

/** Checks an address of the database that was not read from the environment, like DATABASE_URL. Throws ConfigError. */
export function requireDatabaseUrl(url: string): string {
  const reader = new SettingsReader({ [LEDGER.databaseUrl.name]: url }, () => '');
  reader.read(LEDGER.databaseUrl);
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return url;
}

/** What CXONE_API_URL names without a tenant, so that a ledger for trials does not become that of a tenant. */
const SIMULATOR = 'simulator';

function readCxone(reader: SettingsReader): Values<typeof CXONE> {
  const settings = reader.readAll(CXONE);
  return { ...settings, tenant: settings.tenant ?? (reader.isSet(COMMON.apiUrl) ? SIMULATOR : null) };
}

function readWebhooks(reader: SettingsReader): Config['crm'] {
  const rules = { allowLoopback: reader.read(ALLOW_LOOPBACK), hosts: reader.read(WEBHOOK_HOSTS) };
  const settings = webhookSettings(rules);
  const { webhookUrl, marketingWebhookUrl, ...others } = reader.readAll(settings);
  const hasWebhook = reader.isSet(settings.webhookUrl) || reader.isSet(settings.marketingWebhookUrl);
  if (others.signingSecrets.length > 0 && !hasWebhook)
    reader.addProblem(
      settings.signingSecrets.name,
      `is set, but neither ${settings.webhookUrl.name} nor ${settings.marketingWebhookUrl.name}`,
      'set the address of a webhook, or remove the secret',
    );
  return { ...others, ...rules, webhookUrl, marketingWebhookUrl: marketingWebhookUrl ?? webhookUrl };
}
