/** How a fault happens to a request: before it is looked at, or after it was carried out. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Fault, type FaultPlan, retryAfterHeader } from './faults.ts';
import type { Settings } from './settings.ts';

declare module 'fastify' {
  interface FastifyRequest {
    fault: Fault | null;
  }
}

const LOGIN_PAGE = '<!doctype html><html><title>Sign in</title><body>Your session has expired.</body></html>';

export function registerFaults(app: FastifyInstance, plan: FaultPlan, settings: Settings): void {
  app.decorateRequest('fault', null);
  app.addHook('onRequest', async (request, reply) => {
    const { api, webhook, admin } = request.routeOptions.config;
    if (admin === true) return undefined;
    const path = request.url.split('?', 1)[0] ?? '';
    const family = webhook === true ? 'webhooks' : (api?.family ?? null);
    const fault = (request.fault = plan.next({ method: request.method, path, family }));
    const delayMs = (fault?.delayMs ?? 0) + (api === undefined ? 0 : settings.latencyMs);
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
    return fault === null ? undefined : strikeBefore(fault, request, reply);
  });
  app.addHook('onSend', async (request, reply, payload) =>
    request.fault === null || typeof payload !== 'string'
      ? payload
      : strikeAfter(request.fault, request, reply, payload),
  );
}

function strikeBefore(fault: Fault, request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
  if (fault.reset === 'before') request.raw.socket.destroy();
  if (fault.reset === 'before' || fault.hang === true) return reply.hijack();
  if (fault.when === 'after') return undefined;
  // The payload is put in by strikeAfter, for both moments alike.
  return fault.status !== undefined || fault.html === true ? reply.send('') : undefined;
}

async function strikeAfter(fault: Fault, request: FastifyRequest, reply: FastifyReply, payload: string) {
  if (fault.reset === 'after' || fault.truncate === 'cut') {
    if (fault.truncate === 'cut') sendHalf(reply, payload);
    request.raw.socket.destroySoon();
  }
  const isSilent = fault.reset === 'after' || fault.truncate === 'cut' || fault.answerLost === true;
  if (isSilent) return new Promise<string>(() => {});
  if (fault.retryAfter !== undefined)
    void reply.header('Retry-After', retryAfterHeader(fault.retryAfter, Date.now()));
  if (fault.html === true) {
    void reply.code(fault.status ?? 200).type('text/html');
    return LOGIN_PAGE;
  }
  if (fault.truncate !== undefined) return payload.slice(0, Math.floor(payload.length / 2));
  if (fault.status === undefined) return payload;
  void reply.code(fault.status).type('application/json');
  return JSON.stringify(fault.body ?? { message: `a fault on purpose (${fault.status})` });
}

/** All the headers and half of what they promise. */
function sendHalf(reply: FastifyReply, payload: string): void {
  reply.raw.writeHead(reply.statusCode, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(payload),
  });
  reply.raw.write(payload.slice(0, Math.floor(payload.length / 2)));
}
