/** Who may come in: the bearer and its scope first, then the rate limit. In this order a bad token costs no budget. */
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
    const verdict = deps.tokens.judge(request.headers.authorization, api.family, api.scope);
    if (verdict === 401) return reply.code(401).send({ message: 'the token is missing, expired or revoked' });
    if (verdict === 403) return reply.code(403).send({ message: `the token lacks the scope ${api.scope}` });
    const waitMs = deps.limiter.admit();
    if (waitMs === null) return undefined;
    deps.stats.countRateLimited();
    const retryAfter = retryAfterOf(waitMs, deps);
    if (retryAfter !== null) void reply.header('Retry-After', retryAfter);
    return reply.code(429).send({ message: 'over the rate limit' });
  });
}

/** Rounded up: who waits as long is admitted. A date cannot say parts of a second, so it needs one more. */
function retryAfterOf(waitMs: number, { settings, nowMs }: AccessDeps): string | null {
  const seconds = Math.ceil(waitMs / 1000);
  if (settings.retryAfterAs === 'none') return null;
  return retryAfterHeader(
    settings.retryAfterAs === 'seconds' ? seconds : `http-date-in-${seconds + 1}`,
    vendorTime(settings, nowMs()).getTime(),
  );
}
