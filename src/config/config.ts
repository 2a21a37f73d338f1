/**
 * Every setting of cxflow, from the environment: `loadConfig(env)` is the only reader of it, and reports all
 * problems at once. Defaults are in FAMILY_DEFAULTS, readCrm and loadConfig. Sources: cxone-api.md, decisions.md 33.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DEFAULT_SOURCE_LIMITS, SOURCE_LIMIT_RANGES, type SourceLimits } from '../domain/source-limits.ts';
import {
  createReader,
  type Env,
  HOST_LABEL,
  type ReadFile,
  type Reader,
  REGION,
  SEARCH_ATTRIBUTES,
  type Secret,
  TIME_ZONE,
} from './environment.ts';

export { Secret } from './environment.ts';

export const FAMILIES = ['preferences', 'contactlists', 'lists', 'outbound', 'email'] as const;
export type Family = (typeof FAMILIES)[number];

export interface FamilySettings {
  /** Origin, with a path prefix perhaps, without a final slash; `''` = not set, and calling the family is an error. */
  readonly url: string;
  readonly tokenUrl: string;
  readonly clientId: string | null;
  readonly clientSecret: Secret | null;
  readonly scopes: readonly string[];
  /** HTTP Basic, or client id and secret in the form body. Never in the query: it ends up in logs. */
  readonly tokenAuth: 'basic' | 'form';
  readonly refreshBeforeExpirySeconds: number;
}

export interface Config {
  readonly cxone: {
    readonly families: Readonly<Record<Family, FamilySettings>>;
    /** Key of the rate budget: host and a hash of the client id. The same for all workers of a tenant. */
    readonly tenant: string;
    /** CXone refuses duplicates, so that a lost batch may be sent again (decisions.md 15). */
    readonly duplicatesRefused: boolean;
    /** So long CXone answers a repeated X-Idempotency-Key as it did the first; 0: it does not. Then preferences are read back. */
    readonly idempotencyHours: number;
    /** The list that `contacts import` takes without `--list`. */
    readonly contactListId: string | null;
  };
  /** `postgres://…`; null = the embedded one of `cxflow dev`. */
  readonly databaseUrl: string | null;
  /** Of the keyed hashes of people; null: the ledger's own secret alone. */
  readonly pepper: Secret | null;
  /** Requests a minute of the whole tenant; 0 = unlimited. */
  readonly ratePerMinute: number;
  /** Requests in flight of one process. */
  readonly maxInFlight: number;
  /** The only folder that `path` sources may be in. */
  readonly sourceDir: string;
  /** More makes a broken row. */
  readonly sourceLimits: SourceLimits;
  readonly crm: {
    readonly webhookUrl: string | null;
    /** Gets `preferences.batch.updated`; default `webhookUrl`. */
    readonly marketingWebhookUrl: string | null;
    readonly syncToken: Secret | null;
    readonly signingSecret: Secret | null;
    /** Webhooks may go to this machine, by plain http too. */
    readonly allowLoopback: boolean;
  };
  /** Recipients a day and tenant. */
  readonly emailDailyLimit: number;
  /** IANA name; where the day of the limit begins. */
  readonly timeZone: string;
  readonly searchAttributes: 'auto' | 'off';
  readonly temporalAddress: string | null;
  readonly temporalNamespace: string;
}

/** The environment does not say what it must. `problems` has a line for each: variable, what is wrong, what to do. */
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
 * Errors: ConfigError with every problem. No message holds a value of a secret.
 * `readFile` reads the files that the `*_FILE` variables name: the one thing here that is not pure.
 */
export function loadConfig(env: Env, readFile: ReadFile = (path) => readFileSync(path, 'utf8')): Config {
  const read = createReader(env, readFile);
  const families = readFamilies(read);
  const config: Config = {
    cxone: {
      families,
      tenant: tenantOf(families.contactlists),
      duplicatesRefused: read.flag('CXONE_DUPLICATES_REFUSED', true),
      idempotencyHours: read.integer('CXONE_IDEMPOTENCY_HOURS', 24, 0, 8_760),
      contactListId: read.text('CXONE_CONTACT_LIST_ID'),
    },
    databaseUrl: read.databaseUrl(),
    pepper: read.secret('CXFLOW_PEPPER'),
    ratePerMinute: read.integer('CXFLOW_RATE_PER_MINUTE', 1000, 0, 1_000_000),
    maxInFlight: read.integer('CXFLOW_MAX_IN_FLIGHT', 16, 1, 1000),
    sourceDir: read.text('CXFLOW_SOURCE_DIR') ?? process.cwd(),
    sourceLimits: readSourceLimits(read),
    crm: readCrm(read),
    emailDailyLimit: read.integer('CXFLOW_EMAIL_DAILY_LIMIT', 5000, 0, 10_000_000),
    timeZone: read.parse('CXFLOW_TIME_ZONE', TIME_ZONE, 'UTC'),
    searchAttributes: read.parse('CXFLOW_SEARCH_ATTRIBUTES', SEARCH_ATTRIBUTES, 'auto'),
    temporalAddress: read.text('TEMPORAL_ADDRESS'),
    temporalNamespace: read.text('TEMPORAL_NAMESPACE') ?? 'default',
  };
  if (read.problems.length > 0) throw new ConfigError(read.problems);
  return config;
}

// --- the five families --------------------------------------------------------------------------------------

interface FamilyDefaults {
  readonly alias?: string;
  readonly tokenPath: string;
  readonly tokenAuth: 'basic' | 'form';
  readonly scopes: readonly string[];
  readonly refreshBeforeExpirySeconds: number;
}

/** cxone-api.md "Hosts and tokens"; `alias` is what the family's tutorial calls its URL. */
const FAMILY_DEFAULTS: Readonly<Record<Family, FamilyDefaults>> = {
  preferences: {
    alias: 'CXONE_BASE_URL',
    tokenPath: '/oauth/token',
    tokenAuth: 'basic',
    scopes: ['preferences:write', 'preferences:read', 'contacts:read'],
    refreshBeforeExpirySeconds: 60,
  },
  contactlists: {
    tokenPath: '/oauth2/token',
    tokenAuth: 'form',
    scopes: ['contactlists:write', 'contactlists:read'],
    refreshBeforeExpirySeconds: 60,
  },
  lists: {
    tokenPath: '/as/token.oauth2',
    tokenAuth: 'form',
    scopes: ['lists:write', 'lists:read', 'campaigns:read', 'compliance:read', 'data:write'],
    refreshBeforeExpirySeconds: 60,
  },
  outbound: {
    alias: 'CXONE_INSTANCE_URL',
    tokenPath: '/api/v2/oauth/token',
    tokenAuth: 'form',
    scopes: ['outbound:campaign:write', 'outbound:campaign:read'],
    refreshBeforeExpirySeconds: 300,
  },
  email: {
    alias: 'CXONE_ENV_URL',
    tokenPath: '/v1/oauth2/token',
    tokenAuth: 'form',
    scopes: ['communications:email:send', 'communications:email:read', 'communications:email:analytics'],
    refreshBeforeExpirySeconds: 60,
  },
};

function readFamilies(read: Reader): Record<Family, FamilySettings> {
  const apiUrl = read.origin('CXONE_API_URL');
  const hosts = productionHosts(read, apiUrl !== null);
  const settings = (family: Family): FamilySettings => {
    const { alias, tokenPath, ...defaults } = FAMILY_DEFAULTS[family];
    const ownUrl = read.vendorUrl(variable(family, 'URL'), alias);
    const url = ownUrl ?? apiUrl ?? hosts[family];
    const login = family === 'lists' && apiUrl === null ? hosts.login : url;
    const tokenUrl = read.vendorUrl(variable(family, 'TOKEN_URL')) ?? (login && login + tokenPath);
    return { ...defaults, url, tokenUrl, ...readCredentials(read, family) };
  };
  return Object.fromEntries(FAMILIES.map((f) => [f, settings(f)])) as Record<Family, FamilySettings>;
}

/**
 * An EU tenant's data never goes to the US by default (decisions.md 33): a family whose only known host is a US one
 * has none with `CXONE_REGION=eu`, and has to be named. The host of `preferences` has no region in its name.
 */
function productionHosts(read: Reader, replaced: boolean): Record<Family | 'login', string> {
  const eu = read.parse('CXONE_REGION', REGION, 'us') === 'eu';
  const listsRegion = read.parse('CXONE_LISTS_REGION', HOST_LABEL, eu ? '' : 'api-us-1');
  const isListsNamed = read.text('CXONE_LISTS_URL') !== null && read.text('CXONE_LISTS_TOKEN_URL') !== null;
  if (listsRegion === '' && !replaced && !isListsNamed) {
    read.problem(
      'CXONE_LISTS_REGION',
      'is required with CXONE_REGION=eu',
      'name the EU region of your lists API',
    );
  }
  const instance = read.parse('CXONE_INSTANCE', HOST_LABEL, '');
  return {
    preferences: 'https://api.cxone.com',
    contactlists: `https://api${eu ? '-eu' : ''}.cloud.nice-incontact.com`,
    lists: listsRegion && `https://${listsRegion}.cxone.com`,
    login: listsRegion && `https://login.${listsRegion}.cxone.com`,
    outbound: instance && `https://${instance}.api.nicecxone.com`,
    email: eu ? '' : 'https://us1.api.niceincontact.com',
  };
}

/** A family's own pair, else the common one; half a pair is a problem, for the halves would not belong together. */
function readCredentials(read: Reader, family: Family): Pick<FamilySettings, 'clientId' | 'clientSecret'> {
  const own = read.credentials(variable(family, 'CLIENT_ID'), variable(family, 'CLIENT_SECRET'));
  return own.clientId === null ? read.credentials('CXONE_CLIENT_ID', 'CXONE_CLIENT_SECRET') : own;
}

function variable(family: Family, setting: string): string {
  return `CXONE_${family.toUpperCase()}_${setting}`;
}

function tenantOf({ url, clientId }: FamilySettings): string {
  const host = URL.canParse(url) ? new URL(url).host : 'unset';
  return `${host}/${createHash('sha256')
    .update(clientId ?? '')
    .digest('hex')
    .slice(0, 12)}`;
}

function readSourceLimits(read: Reader): SourceLimits {
  const limit = (name: string, key: keyof SourceLimits): number =>
    read.integer(name, DEFAULT_SOURCE_LIMITS[key], ...SOURCE_LIMIT_RANGES[key]);
  return {
    maxRowBytes: limit('CXFLOW_MAX_ROW_BYTES', 'maxRowBytes'),
    maxFieldCharacters: limit('CXFLOW_MAX_FIELD_CHARACTERS', 'maxFieldCharacters'),
    maxColumns: limit('CXFLOW_MAX_COLUMNS', 'maxColumns'),
  };
}

function readCrm(read: Reader): Config['crm'] {
  const allowLoopback = read.flag('CXFLOW_ALLOW_LOOPBACK_WEBHOOKS', false);
  const webhookUrl = read.webhookUrl('CRM_WEBHOOK_URL', allowLoopback);
  const marketing = read.webhookUrl('MARKETING_WEBHOOK_URL', allowLoopback, 'EXTERNAL_MARKETING_WEBHOOK_URL');
  const [syncToken, signingSecret] = [read.secret('CRM_SYNC_TOKEN'), read.secret('WEBHOOK_SIGNING_SECRET')];
  return {
    webhookUrl,
    marketingWebhookUrl: marketing ?? webhookUrl,
    syncToken,
    signingSecret,
    allowLoopback,
  };
}
