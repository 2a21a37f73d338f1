/**
 * The configuration, read from the environment by `loadConfig` and nowhere else. The settings are described where they
 * are defined (settings.ts, families.ts); docs/settings.md is generated from there (docs/adr/0019-settings.md).
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Family } from '../cxone/families.wire.ts';
import type { FamilySettings } from '../cxone/settings.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { readFamilies } from './families.ts';
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
    /** Key of the rate budget, derived from host and client, so that all workers of a tenant share it. */
    readonly tenant: string;
  };
  readonly sourceLimits: SourceLimits;
  readonly crm: {
    readonly webhookUrl: string | null;
    /** null: there is no webhook at all. */
    readonly marketingWebhookUrl: string | null;
    readonly syncToken: Secret | null;
    readonly allowLoopback: boolean;
  };
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
 * @param readFile reads the files that `*_FILE` variables name; all else is pure, but for a profile of Temporal
 */
export function loadConfig(env: Env, readFile: ReadFile = (path) => readFileSync(path, 'utf8')): Config {
  const reader = new SettingsReader(env, readFile);
  const families = readFamilies(reader);
  const config: Config = {
    cxone: { families, tenant: deriveTenant(families.contactlists), ...reader.readAll(CXONE) },
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

function readWebhooks(reader: SettingsReader): Config['crm'] {
  const allowLoopback = reader.read(ALLOW_LOOPBACK);
  const { webhookUrl, marketingWebhookUrl, syncToken } = reader.readAll(webhookSettings(allowLoopback));
  return { webhookUrl, marketingWebhookUrl: marketingWebhookUrl ?? webhookUrl, syncToken, allowLoopback };
}

/** Host and a hash of the client id. */
function deriveTenant({ url, clientId }: FamilySettings): string {
  const host = URL.canParse(url) ? new URL(url).host : 'unset';
  const client = createHash('sha256')
    .update(clientId ?? '')
    .digest('hex');
  return `${host}/${client.slice(0, 12)}`;
}
