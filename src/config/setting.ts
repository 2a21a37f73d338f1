/** What a setting is: one variable of the environment, how its text is checked and converted, and its documentation. */
import { z } from 'zod';
import { formatCount } from '../domain/numbers.ts';
import { isTimeZone } from '../domain/time-zones.ts';
import { Secret } from './secret.ts';

export interface Setting<T> extends Documentation {
  readonly schema: z.ZodType<T, string>;
  /** The value when the variable is not set or empty. */
  readonly fallback: T;
  /** For docs/settings.md: which values are allowed, e.g. `us or eu`. Without it, any text. */
  readonly values?: string;
}

/** A server of cxflow: its database, Temporal, or the CXone API. */
export type Server = 'ledger' | 'temporal' | 'cxone';

/** Everything docs/settings.md shows about a setting that its type does not imply. */
export interface Documentation {
  readonly name: string;
  /** Another name, which counts when `name` is not set. */
  readonly alias?: string;
  readonly meaning: string;
  /** Operations and features that do not work, or work differently, without it. */
  readonly neededBy: string;
  /** What applies without a value, where the fallback itself does not show it. */
  readonly shownDefault?: string;
  /** The variable may hold a secret, so `NAME_FILE` may name a file that contains the value. */
  readonly isSecret?: boolean;
  /**
   * The server that the setting locates, names or logs in to. The settings of one server belong together: where a stack
   * replaces the server (`cxflow dev`), it replaces all of them, and no others.
   */
  readonly server?: Server;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** The values of several settings under the same keys. */
export type Values<S extends Settings> = {
  readonly [Key in keyof S]: S[Key] extends Setting<infer T> ? T : never;
};

export function text(documentation: Documentation): Setting<string | null> {
  return { schema: z.string(), fallback: null, ...documentation };
}

const NAME = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/i,
    'must start with a letter or digit and have up to 63 letters, digits, dots, hyphens and underscores',
  );

/** A name that people choose, e.g. for a tenant. */
export function name(documentation: Documentation): Setting<string | null> {
  return { values: 'letters, digits, `.`, `-`, `_`', schema: NAME, fallback: null, ...documentation };
}

export function secret(documentation: Documentation): Setting<Secret | null> {
  const schema = z.string().transform((value) => new Secret(value));
  return { schema, fallback: null, isSecret: true, ...documentation };
}

const SIGNING_SECRET = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

function isSigningSecret(text: string): boolean {
  const [, base64 = ''] = SIGNING_SECRET.exec(text) ?? [];
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}

const SIGNING_SECRETS = z
  .string()
  .transform((value) => value.split(/\s+/))
  .refine(
    (secrets) => secrets.length <= 2 && secrets.every(isSigningSecret),
    'must be one secret, or two with a blank between them, each `whsec_` and 24 to 64 bytes in base64',
  )
  .transform((secrets) => secrets.map((each) => new Secret(each)));

/** Keys for signatures by Standard Webhooks. */
export function signingSecrets(documentation: Documentation): Setting<readonly Secret[]> {
  return {
    values: 'one or two of `whsec_…`',
    schema: SIGNING_SECRETS,
    fallback: [],
    isSecret: true,
    ...documentation,
  };
}

export function flag(fallback: boolean, documentation: Documentation): Setting<boolean> {
  const schema = z
    .enum(['true', 'yes', 'on', '1', 'false', 'no', 'off', '0'], 'must be true or false')
    .transform((word) => ['true', 'yes', 'on', '1'].includes(word));
  return { values: 'true or false', schema, fallback, ...documentation };
}

/** A whole number; both ends of the range are allowed. */
export function integer(
  fallback: number,
  [min, max]: readonly [min: number, max: number],
  documentation: Documentation,
): Setting<number> {
  const message = `must be a whole number from ${min} to ${max}`;
  const schema = z
    .string()
    .regex(/^\d{1,12}$/, message)
    .transform(Number)
    .refine((n) => n >= min && n <= max, message);
  return { values: `${formatCount(min)} to ${formatCount(max)}`, schema, fallback, ...documentation };
}

/** A name of the tz database. */
export function timeZone(fallback: string, documentation: Documentation): Setting<string> {
  const schema = z
    .string()
    .refine((zone) => isTimeZone(zone), 'must be a name of the tz database, e.g. America/New_York');
  return { values: 'a name of the tz database', schema, fallback, ...documentation };
}

/** The first option is the default. */
export function choice<const T extends string>(
  options: readonly [T, ...T[]],
  documentation: Documentation,
): Setting<T> {
  const values = options.join(' or ');
  return { values, schema: z.enum(options, `must be ${values}`), fallback: options[0], ...documentation };
}

export function choiceWithoutDefault<const T extends string>(
  options: readonly [T, ...T[]],
  documentation: Documentation,
): Setting<T | null> {
  return { ...choice(options, documentation), fallback: null };
}
