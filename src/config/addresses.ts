/** Settings that are addresses, and what each kind of address may look like. */
import { z } from 'zod';
import {
  isLoopback,
  readHost,
  type SubscriberRules,
  subscriberProblem,
} from '../domain/subscriber-address.ts';
import { PERMITTED_STATEMENT_TIMEOUTS, statementTimeoutOf } from '../domain/timeouts.ts';
import type { Documentation, Setting } from './setting.ts';

const DATABASE_URL = z
  .string()
  .regex(/^postgres(ql)?:\/\/\S+$/, 'must begin with postgres://')
  .refine((url) => statementTimeoutOf(url) !== null, PERMITTED_STATEMENT_TIMEOUTS);

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

const HOST_LABEL = z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i, 'must be one label of a host name');

export function databaseUrl(documentation: Documentation): Setting<string | null> {
  return { values: '`postgres://…`', schema: DATABASE_URL, fallback: null, isSecret: true, ...documentation };
}

/** An address of CXone. It is read without a trailing slash. */
export function vendorUrl(documentation: Documentation): Setting<string | null> {
  return { values: 'a URL', schema: VENDOR_URL, fallback: null, ...documentation };
}

/** Scheme, host and port of an address of CXone. */
export function origin(documentation: Documentation): Setting<string | null> {
  return { values: 'a URL without a path', schema: ORIGIN, fallback: null, ...documentation };
}

export function hostLabel(documentation: Documentation): Setting<string> {
  return { values: 'one label of a host name', schema: HOST_LABEL, fallback: '', ...documentation };
}

/** What the host name resolves to is checked when an event is sent. */
export function webhookUrl(rules: SubscriberRules, documentation: Documentation): Setting<string | null> {
  const schema = WEB_URL.superRefine((url, context) => {
    const message = subscriberProblem(url, rules);
    if (message !== null) context.addIssue({ code: 'custom', message });
  }).transform((url) => url.href);
  return { values: 'an https URL', schema, fallback: null, ...documentation };
}

const HOSTS = z
  .string()
  .transform((text) => text.split(/[\s,]+/).map(readHost))
  .refine((hosts) => !hosts.includes(null), 'must be hosts or host:port, without scheme, path or wildcard')
  .transform((hosts) => hosts.filter((host) => host !== null));

/** Hosts of subscribers, with or without a port, and their addresses. */
export function hostList(documentation: Documentation): Setting<readonly string[] | null> {
  return { values: 'hosts or `host:port`', schema: HOSTS, fallback: null, ...documentation };
}

/** `http://simulator:8080` is another container of the same compose file. */
function isSafeForSecrets(url: URL): boolean {
  return url.protocol === 'https:' || isLoopback(url.hostname) || !/[.:]/.test(url.hostname);
}
