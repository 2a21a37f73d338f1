/** A receiver for what cxflow tells the CRM: keeps every body as it came, so that signatures can be checked. */
import type { FastifyInstance } from 'fastify';

/** Of one name. Older ones go first. */
const KEPT_WEBHOOKS = 20_000;

export interface ReceivedWebhook {
  /** ISO 8601 */
  readonly at: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes as text. */
  readonly raw: string;
  /** Parsed, or null where it is no JSON. */
  readonly body: unknown;
}

const RECEIVER = { config: { webhook: true } } as const;
const ADMIN = { config: { admin: true } } as const;
interface Named {
  Params: { name: string };
}

export function registerWebhooks(parent: FastifyInstance, nowMs: () => number): void {
  const received = new Map<string, ReceivedWebhook[]>();
  // A scope of its own: only here a body of any type is text.
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
    // The doctor asks whether there is somebody, and tells nothing.
    app.options<Named>('/_sim/webhooks/:name', RECEIVER, (_, reply) => reply.status(204).send());
    app.get<Named>('/_sim/webhooks/:name', ADMIN, ({ params }) => received.get(params.name) ?? []);
    app.delete<Named>('/_sim/webhooks/:name', ADMIN, ({ params }) => ({
      forgotten: received.delete(params.name),
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
