/** Statistics: counts of all requests, and the most recent requests in detail, but without tokens and queries. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isProbe } from './probes.ts';

const KEPT_REQUESTS = 10_000;
const KEPT_SECONDS = 3_600;

declare module 'fastify' {
  interface FastifyRequest {
    receivedAtMs: number;
  }
}

export interface RequestLine {
  /** ISO 8601 */
  readonly at: string;
  readonly method: string;
  readonly path: string;
  /** It only asks whether CXone answers. */
  readonly isProbe: boolean;
  /** null: no answer was sent, because of a fault or because the client closed the connection. */
  readonly status: number | null;
  readonly hasAuthorization: boolean;
  readonly requestId: string | null;
  /** What its first record is known by, if it has one and was read: the contact id, the first key of an item, the idempotency key, the address. */
  readonly firstRecord: string | null;
  /** The injected fault, if any. */
  readonly fault: unknown;
}
export interface Stats {
  /**
   * `POST /api/v2/contactlists/:listId/records` → status or `none` → count. Requests with which clients only learn
   * whether CXone answers have a key of their own with ` (without records)`.
   */
  readonly requests: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Of requests to the API and to the token endpoints. */
  readonly maxInFlight: number;
  readonly inFlight: number;
  /** Requests refused by the rate limit; 429s of fault rules do not count. */
  readonly rateLimited: number;
  /** Requests to the API in the last hour, by epoch second. */
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
    const kind = isProbe(request) ? ' (without records)' : '';
    const route = `${request.method} ${request.routeOptions.url ?? 'unknown'}${kind}`;
    const byStatus = (requests[route] ??= {});
    byStatus[status ?? 'none'] = (byStatus[status ?? 'none'] ?? 0) + 1;
    lines.push(toRequestLine(request, at, status));
    // In blocks, because shift() on a long array is slow.
    if (lines.length >= 2 * KEPT_REQUESTS) lines.splice(0, KEPT_REQUESTS);
  };
  app.decorateRequest('receivedAtMs', 0);
  app.addHook('onRequest', (request, reply, done) => {
    const { admin, api } = request.routeOptions.config;
    const at = nowMs();
    request.receivedAtMs = at;
    if (admin !== true) {
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

function toRequestLine(request: FastifyRequest, at: number, status: number | null): RequestLine {
  return {
    at: new Date(at).toISOString(),
    method: request.method,
    path: request.url.split('?', 1)[0] ?? '',
    isProbe: isProbe(request),
    status,
    hasAuthorization: request.headers.authorization !== undefined,
    requestId: request.headers['x-request-id']?.toString() ?? null,
    firstRecord: readFirstRecord(request.body),
    fault: request.fault,
  };
}

function readFirstRecord(body: unknown): string | null {
  const { records, items, recipients } = (body ?? {}) as Readonly<Record<string, unknown>>;
  const batch = [body, records, items, recipients].find((each) => Array.isArray(each)) as
    | unknown[]
    | undefined;
  const first = (batch?.[0] ?? {}) as FirstRecord;
  const [key] = Array.isArray(first.deduplicationKeys) ? (first.deduplicationKeys as Key[]) : [];
  const known = first.idempotencyKey ?? first.contactId ?? key?.value ?? first.toAddress;
  return typeof known === 'string' ? known : null;
}

type Key = { readonly value?: unknown } | null;

/** Of a client's request, so nothing is certain. */
interface FirstRecord {
  readonly idempotencyKey?: unknown;
  readonly contactId?: unknown;
  readonly deduplicationKeys?: unknown;
  readonly toAddress?: unknown;
}
