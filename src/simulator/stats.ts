/** What was asked of the simulator: counts for ever, the last requests in full. Never a token, never a query. */
import type { FastifyInstance, FastifyRequest } from 'fastify';

const KEPT_REQUESTS = 10_000;
const KEPT_SECONDS = 3_600;

export interface RequestLine {
  /** ISO 8601 */
  readonly at: string;
  readonly method: string;
  readonly path: string;
  /** null: no answer was given (a fault, or the client left). */
  readonly status: number | null;
  readonly hasAuthorization: boolean;
  readonly requestId: string | null;
  /** What the fault rule did, if one struck. */
  readonly fault: unknown;
}
export interface Stats {
  /** `POST /api/v2/contactlists/:listId/records` → status or `none` → count. */
  readonly requests: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Of the API and the token endpoints. */
  readonly maxInFlight: number;
  readonly inFlight: number;
  /** By the rate limit, not by fault rules. */
  readonly rateLimited: number;
  /** Requests of the API by second of the epoch, the last hour. */
  readonly perSecond: Readonly<Record<string, number>>;
}

export function registerStats(app: FastifyInstance, nowMs: () => number) {
  const requests: Record<string, Record<string, number>> = {};
  const lines: RequestLine[] = [];
  const perSecond = new Map<number, number>();
  const counts = { inFlight: 0, maxInFlight: 0, rateLimited: 0 };

  const countSecond = (): void => {
    const second = Math.floor(nowMs() / 1000);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    const [oldest] = perSecond.keys();
    if (perSecond.size > KEPT_SECONDS && oldest !== undefined) perSecond.delete(oldest);
  };
  const finish = (request: FastifyRequest, at: number, status: number | null): void => {
    counts.inFlight -= 1;
    const route = `${request.method} ${request.routeOptions.url ?? 'unknown'}`;
    const byStatus = (requests[route] ??= {});
    byStatus[status ?? 'none'] = (byStatus[status ?? 'none'] ?? 0) + 1;
    lines.push(lineOf(request, at, status));
    // In blocks: shift() of a long array is slow.
    if (lines.length >= 2 * KEPT_REQUESTS) lines.splice(0, KEPT_REQUESTS);
  };
  app.addHook('onRequest', (request, reply, done) => {
    const { admin, api } = request.routeOptions.config;
    if (admin !== true) {
      const at = nowMs();
      counts.maxInFlight = Math.max(counts.maxInFlight, (counts.inFlight += 1));
      if (api !== undefined) countSecond();
      reply.raw.once('close', () =>
        finish(request, at, reply.raw.writableFinished ? reply.raw.statusCode : null),
      );
    }
    done();
  });
  return {
    countRateLimited: (): void => void (counts.rateLimited += 1),
    read: (): Stats => ({ requests, ...counts, perSecond: Object.fromEntries(perSecond) }),
    lastRequests: (limit: number): RequestLine[] => lines.slice(-Math.min(limit, KEPT_REQUESTS)),
  };
}
export type StatsKeeper = ReturnType<typeof registerStats>;

function lineOf(request: FastifyRequest, at: number, status: number | null): RequestLine {
  return {
    at: new Date(at).toISOString(),
    method: request.method,
    path: request.url.split('?', 1)[0] ?? '',
    status,
    hasAuthorization: request.headers.authorization !== undefined,
    requestId: request.headers['x-request-id']?.toString() ?? null,
    fault: request.fault,
  };
}
