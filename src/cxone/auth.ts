/**
 * The access token of one family (docs/cxone-contract.md#tokens). It is cached in the process and refreshed before it
 * expires; callers that need it at the same time share one request.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  CxoneCredentialsMissing,
  CxoneUnauthorized,
  CxoneUnreadable,
  type RequestContext,
} from './errors.ts';
import { toError } from './failures.ts';
import type { Family } from './families.wire.ts';
import type { Http } from './http.ts';
import type { FamilySettings, RequestFacts } from './settings.ts';

export interface Tokens {
  /** Errors: CxoneCredentialsMissing, CxoneUnauthorized and those of failures.ts, all with `applied: 'no'`. */
  get(): Promise<string>;
  /** After a 401. Has no effect if the token was replaced already, so many 401s at once lead to one new token. */
  drop(token: string): void;
}

/** Used if `expires_in` is missing, not positive or not a number. If the guess is too long, a 401 corrects it. */
const UNKNOWN_LIFETIME_SECONDS = 60;

const TOKEN_ANSWER = z.object({ access_token: z.string().min(1), expires_in: z.unknown().optional() });

interface Token {
  readonly value: string;
  /** On the monotonic clock, because the wall clock may jump. */
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
  let pending: Promise<Token> | null = null;

  const fetchShared = (): Promise<Token> => {
    pending ??= fetchToken(deps)
      .then((token) => (cached = token))
      .finally(() => {
        pending = null;
      });
    return pending;
  };
  return {
    async get() {
      if (cached !== null && deps.monotonicMs() < cached.staleAtMs) return cached.value;
      return (await fetchShared()).value;
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
  if (settings.tokenUrl === '') throw new CxoneCredentialsMissing(context, settings.addressSettings);
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
  // OAuth 2.0 reports invalid_client and invalid_scope as 400 (RFC 6749 §5.2).
  if (status === 400 || status === 401) throw new CxoneUnauthorized({ ...context, status }, 'token endpoint');
  const answered = { ...context, status };
  if (outcome.kind === 'none' || outcome.status >= 300) throw toError(outcome, answered, settings, 'no');
  return readToken(outcome.body, answered, settings, startedAtMs);
}

/** Secrets go into the header or the body, never into the query string, which ends up in logs. */
function tokenRequest(settings: FamilySettings, context: RequestContext) {
  const { clientId, clientSecret } = settings;
  if (clientId === null || clientSecret === null) throw new CxoneCredentialsMissing(context, null);
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
  // A token that lives shorter than the margin would be refreshed with every request, so use half its lifetime.
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
