/**
 * The token of one family: cached in the process, fetched once however many wait for it, renewed before it expires.
 * OAuth 2.0 client credentials; cxone-api.md "Hosts and tokens".
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  CxoneCredentialsMissing,
  CxoneUnauthorized,
  CxoneUnreadable,
  type RequestContext,
} from './errors.ts';
import { errorOf } from './failures.ts';
import type { Http } from './http.ts';
import type { Family } from './families.wire.ts';
import type { FamilySettings, RequestFacts } from './settings.ts';

export interface Tokens {
  /** Errors: CxoneCredentialsMissing, CxoneUnauthorized, and all of failures.ts, with `applied: 'no'`. */
  get(): Promise<string>;
  /** After a 401. Forgets the token only if it is still this one: of many 401s one leads to a new token. */
  drop(token: string): void;
}

/** For an `expires_in` that is missing, not positive or no number; a 401 repairs a guess that was too long. */
const UNKNOWN_LIFETIME_SECONDS = 60;

const TOKEN_ANSWER = z.object({ access_token: z.string().min(1), expires_in: z.unknown().optional() });

interface Token {
  readonly value: string;
  /** On the monotonic clock: the wall clock may jump. */
  readonly staleAtMs: number;
}

export interface TokensDeps {
  readonly family: Family;
  readonly settings: FamilySettings;
  readonly http: Http;
  readonly deadlineMs: number;
  readonly monotonicMs: () => number;
  readonly onRequest: (facts: RequestFacts) => void;
}

export function createTokens(deps: TokensDeps): Tokens {
  let cached: Token | null = null;
  let flight: Promise<Token> | null = null;

  const fetchOnce = (): Promise<Token> => {
    flight ??= fetchToken(deps)
      .then((token) => (cached = token))
      .finally(() => {
        flight = null;
      });
    return flight;
  };
  return {
    async get() {
      if (cached !== null && deps.monotonicMs() < cached.staleAtMs) return cached.value;
      return (await fetchOnce()).value;
    },
    drop(token) {
      if (cached?.value === token) cached = null;
    },
  };
}

async function fetchToken(deps: TokensDeps): Promise<Token> {
  const { family, settings, http } = deps;
  const requestId = randomUUID();
  const context = { family, verb: 'POST', url: settings.tokenUrl, status: null, requestId };
  if (settings.tokenUrl === '') throw new CxoneCredentialsMissing(context, 'url');
  const startedAtMs = deps.monotonicMs();
  const outcome = await http.send({
    verb: 'POST',
    url: settings.tokenUrl,
    ...tokenRequest(settings, context),
    deadlineMs: deps.deadlineMs,
  });
  const status = outcome.kind === 'answer' ? outcome.status : null;
  const path = new URL(settings.tokenUrl).pathname;
  deps.onRequest({ family, verb: 'POST', path, status, latencyMs: deps.monotonicMs() - startedAtMs });
  // 400 is how OAuth 2.0 says invalid_client or invalid_scope (RFC 6749 §5.2).
  if (status === 400 || status === 401) throw new CxoneUnauthorized({ ...context, status }, 'token endpoint');
  const answered = { ...context, status };
  if (outcome.kind === 'none' || outcome.status >= 300) throw errorOf(outcome, answered, settings, 'no');
  return readToken(outcome.body, answered, settings, startedAtMs);
}

/** Secrets go into the header or the body, never into the query: that ends up in logs. */
function tokenRequest(settings: FamilySettings, context: RequestContext) {
  const { clientId, clientSecret } = settings;
  if (clientId === null || clientSecret === null) throw new CxoneCredentialsMissing(context, 'credentials');
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  const headers: Record<string, string> = {
    'Content-Type': 'application/x-www-form-urlencoded',
    Accept: 'application/json',
    'X-Request-Id': context.requestId ?? '',
  };
  if (settings.tokenAuth === 'basic') {
    const pair = Buffer.from(`${clientId}:${clientSecret.reveal()}`).toString('base64');
    headers['Authorization'] = `Basic ${pair}`;
  } else {
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret.reveal());
    form.set('scope', settings.scopes.join(' '));
  }
  return { headers, body: form.toString() };
}

function readToken(
  body: string | null,
  context: RequestContext,
  settings: FamilySettings,
  startedAtMs: number,
): Token {
  const parsed = TOKEN_ANSWER.safeParse(parseJson(body));
  if (!parsed.success) throw new CxoneUnreadable(context, 'no access_token in it', 'no');
  const lifetimeMs = lifetimeSeconds(parsed.data.expires_in) * 1000;
  // A token that lives shorter than the margin would be renewed with every request: half its life then.
  const marginMs = Math.min(settings.refreshBeforeExpirySeconds * 1000, lifetimeMs / 2);
  return { value: parsed.data.access_token, staleAtMs: startedAtMs + lifetimeMs - marginMs };
}

function lifetimeSeconds(expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'string' ? Number.parseFloat(expiresIn) : expiresIn;
  const isUsable = typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0;
  return isUsable ? seconds : UNKNOWN_LIFETIME_SECONDS;
}

function parseJson(body: string | null): unknown {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return undefined;
  }
}
