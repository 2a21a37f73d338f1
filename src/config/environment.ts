/** One variable of the environment at a time: empty ones, files of secrets, and the one list of problems. */
import { inspect } from 'node:util';
import { z } from 'zod';

export type Env = Readonly<Record<string, string | undefined>>;
export type ReadFile = (path: string) => string;

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

const FLAG = z.enum(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off'], 'must be true or false');
export const REGION = z.enum(['us', 'eu'], 'must be us or eu');
export const SEARCH_ATTRIBUTES = z.enum(['auto', 'off'], 'must be auto or off');
export const HOST_LABEL = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i, 'must be one label of a host name');
export const TIME_ZONE = z.string().refine(isTimeZone, 'must be an IANA time zone such as Europe/London');
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

export type Reader = ReturnType<typeof createReader>;

export function createReader(env: Env, readFile: ReadFile) {
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
