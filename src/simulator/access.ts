/** Checks the bearer token and its scope, then the rate limit: a request with a bad token does not count against the limit. */
import type { FastifyInstance } from 'fastify';
import { retryAfterHeader } from './faults.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { type Settings, vendorTime } from './settings.ts';
import type { StatsKeeper } from './stats.ts';
import type { TokenStore } from './tokens.ts';

export interface AccessDeps {
  readonly tokens: TokenStore;
  readonly limiter: RateLimiter;
  readonly settings: Settings;
  readonly stats: StatsKeeper;
  readonly nowMs: () => number;
}

export function registerAccess(app: FastifyInstance, deps: AccessDeps): void {
  app.addHook('onRequest', async (request, reply) => {
    const { api } = request.routeOptions.config;
    if (api === undefined) return undefined;
    const status = deps.tokens.authorize(request.headers.authorization, api.family, api.scope);
    if (status === 401) return reply.code(401).send({ message: 'the token is missing, expired or revoked' });
    if (status === 403) return reply.code(403).send({ message: `the token lacks the scope ${api.scope}` });
    const waitMs = deps.limiter.admit();
    if (waitMs === null) return undefined;
    deps.stats.countRateLimited();
    const retryAfter = toRetryAfter(waitMs, deps);
    if (retryAfter !== null) void reply.header('Retry-After', retryAfter);
    return reply.code(429).send({ message: 'over the rate limit' });
  });
}

/** Rounded up, so that a client that waits this long is admitted. A date has no fractions of a second and needs one more. */
function toRetryAfter(waitMs: number, { settings, nowMs }: AccessDeps): string | null {
  const seconds = Math.ceil(waitMs / 1000);
  if (settings.retryAfterAs === 'none') return null;
  return retryAfterHeader(
    settings.retryAfterAs === 'seconds' ? seconds : `http-date-in-${seconds + 1}`,
    vendorTime(settings, nowMs()).getTime(),
  );
}
