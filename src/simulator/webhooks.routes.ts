/** A receiver for cxflow's webhooks. Keeps each body unchanged, so that a test can compare repeated deliveries byte by byte. */
import type { FastifyInstance } from 'fastify';

/** How many are kept per receiver. */
const KEPT_WEBHOOKS = 20_000;

export interface ReceivedWebhook {
  /** ISO 8601 */
  readonly at: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as text. */
  readonly raw: string;
  /** The body parsed, or null if it is not JSON. */
  readonly body: unknown;
}

const RECEIVER = { config: { webhook: true } } as const;
const ADMIN = { config: { admin: true } } as const;
interface Named {
  Params: { name: string };
}

export function registerWebhooks(parent: FastifyInstance, nowMs: () => number): void {
  const received = new Map<string, ReceivedWebhook[]>();
  // In a Fastify scope of its own, because only here bodies of any type are read as text.
  void parent.register((app, _options, done) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, parsed) => parsed(null, body));

    app.post<Named>('/_sim/webhooks/:name', RECEIVER, ({ params, headers, body }) => {
      const raw = typeof body === 'string' ? body : '';
      const kept = received.get(params.name) ?? [];
      kept.push({ at: new Date(nowMs()).toISOString(), headers, raw, body: parseJson(raw) });
      received.set(params.name, kept.slice(-KEPT_WEBHOOKS));
      return { received: true };
    });
    // For `cxflow doctor`, which checks that the receiver answers without delivering anything.
    app.options<Named>('/_sim/webhooks/:name', RECEIVER, (_, reply) => reply.status(204).send());
    app.get<Named>('/_sim/webhooks/:name', ADMIN, ({ params }) => received.get(params.name) ?? []);
    app.delete<Named>('/_sim/webhooks/:name', ADMIN, ({ params }) => ({
      deleted: received.delete(params.name),
    }));
    done();
  });
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return null;
  }
}
