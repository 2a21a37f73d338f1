/**
 * Every setting of cxflow, from the environment: `loadConfig(env)` is the only reader of it, and reports all
 * problems at once. Defaults are in FAMILY_DEFAULTS, readCrm and loadConfig. Sources: cxone-api.md, decisions.md 33.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { z } from 'zod';

export const FAMILIES = ['preferences', 'contactlists', 'lists', 'outbound', 'email'] as const;
export type Family = (typeof FAMILIES)[number];

/** A value that no log, error or JSON shows: only `reveal()` gives it. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}

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
    /** The list that `contacts import` takes without `--list`. */
    readonly contactListId: string | null;
  };
  /** `postgres://…`; null = the embedded one of `cxflow dev`. */
  readonly databaseUrl: string | null;
  /** Requests a minute of the whole tenant; 0 = unlimited. */
  readonly ratePerMinute: number;
  /** Requests in flight of one process. */
  readonly maxInFlight: number;
  /** The only folder that `path` sources may be in. */
  readonly sourceDir: string;
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

type Env = Readonly<Record<string, string | undefined>>;
type ReadFile = (path: string) => string;

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
      contactListId: read.text('CXONE_CONTACT_LIST_ID'),
    },
    databaseUrl: read.databaseUrl(),
    ratePerMinute: read.integer('CXFLOW_RATE_PER_MINUTE', 1000, 0, 1_000_000),
    maxInFlight: read.integer('CXFLOW_MAX_IN_FLIGHT', 16, 1, 1000),
    sourceDir: read.text('CXFLOW_SOURCE_DIR') ?? process.cwd(),
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

// --- reading one variable -----------------------------------------------------------------------------------

const FLAG = z.enum(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off'], 'must be true or false');
const REGION = z.enum(['us', 'eu'], 'must be us or eu');
const SEARCH_ATTRIBUTES = z.enum(['auto', 'off'], 'must be auto or off');
const HOST_LABEL = z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i, 'must be one label of a host name');
const TIME_ZONE = z.string().refine(isTimeZone, 'must be an IANA time zone such as Europe/London');
const DATABASE_URL = z.string().regex(/^postgres(ql)?:\/\/\S+$/, 'must begin with postgres://');
const WEB_URL = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
  .transform((text) => new URL(text))
  .refine((url) => !url.username && !url.password, 'must not hold credentials');
const VENDOR_URL = WEB_URL.refine((url) => !url.search && !url.hash, 'must have no query and no fragment')
  .refine(
    isSafeForSecrets,
    'must be https: the client secret goes there (http only to this machine or a container)',
  )
  .transform((url) => url.href.replace(/\/+$/, ''));
const ORIGIN = VENDOR_URL.refine((url) => url === new URL(url).origin, 'must be an origin without a path');

type Reader = ReturnType<typeof createReader>;

function createReader(env: Env, readFile: ReadFile) {
  const problems: string[] = [];
  const problem = (name: string, wrong: string, remedy: string): void => {
    // Several families read the same variables; each problem is told once.
    const line = `${name} ${wrong}: ${remedy}`;
    if (!problems.includes(line)) problems.push(line);
  };
  /** An empty variable is one that is not set: compose files and CI set them so. */
  const text = (name: string): string | null => env[name]?.trim() || null;

  function parse<T>(name: string, schema: z.ZodType<T, string>, fallback: T, value = text(name)): T {
    if (value === null) return fallback;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    problem(
      name,
      parsed.error.issues[0]?.message ?? 'cannot be read',
      'correct it, or remove it for the default',
    );
    return fallback;
  }
  /** The variable, else what stands in the file that `NAME_FILE` names. */
  function textOrFile(name: string): string | null {
    const [value, path] = [text(name), text(`${name}_FILE`)];
    if (path === null) return value;
    if (value !== null) problem(name, `and ${name}_FILE are both set`, 'remove one of them');
    try {
      const content = readFile(path).trim();
      if (content === '') problem(`${name}_FILE`, 'names an empty file', 'write the secret into it');
      return content || null;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
      problem(`${name}_FILE`, `cannot be read (${code})`, 'name a file that this process may read');
      return value;
    }
  }
  function secret(name: string): Secret | null {
    const value = textOrFile(name);
    return value === null ? null : new Secret(value);
  }
  function credentials(idName: string, secretName: string) {
    const [clientId, clientSecret] = [text(idName), secret(secretName)];
    if ((clientId === null) !== (clientSecret === null)) {
      const [missing, present] = clientId === null ? [idName, secretName] : [secretName, idName];
      problem(missing, `is missing beside ${present}`, 'set both or neither');
    }
    return { clientId, clientSecret };
  }
  const url = (schema: z.ZodType<string, string>, name: string, alias?: string): string | null => {
    const used = text(name) === null && alias !== undefined ? alias : name;
    return parse<string | null>(used, schema, null);
  };
  return {
    problems,
    problem,
    text,
    parse,
    secret,
    credentials,
    flag: (name: string, fallback: boolean): boolean =>
      ['true', '1', 'yes', 'on'].includes(parse(name, FLAG, fallback ? 'true' : 'false')),
    integer: (name: string, fallback: number, min: number, max: number): number =>
      parse(name, integerBetween(min, max), fallback),
    databaseUrl: (): string | null =>
      parse<string | null>('DATABASE_URL', DATABASE_URL, null, textOrFile('DATABASE_URL')),
    origin: (name: string) => url(ORIGIN, name),
    vendorUrl: (name: string, alias?: string) => url(VENDOR_URL, name, alias),
    webhookUrl: (name: string, loopback: boolean, alias?: string) => url(webhookUrl(loopback), name, alias),
  };
}

function integerBetween(min: number, max: number): z.ZodType<number, string> {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((n) => n >= min && n <= max, message);
}

/** Only the form is judged here; what the name resolves to is judged where the webhook is sent. */
function webhookUrl(allowLoopback: boolean): z.ZodType<string, string> {
  const wrong = 'must be https, and not of this machine unless CXFLOW_ALLOW_LOOPBACK_WEBHOOKS=true';
  const isFine = (url: URL) => (isLoopback(url) ? allowLoopback : url.protocol === 'https:');
  return WEB_URL.refine(isFine, wrong).transform((url) => url.href);
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** `http://simulator:8080` is a container of the same compose file. */
function isSafeForSecrets(url: URL): boolean {
  return url.protocol === 'https:' || isLoopback(url) || !/[.:]/.test(url.hostname);
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
