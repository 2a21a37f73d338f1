/** Injects faults into requests, before they are handled or after they have been carried out. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Fault, type FaultPlan, retryAfterHeader } from './faults.ts';
import { isProbe } from './probes.ts';
import { type Settings, vendorTime } from './settings.ts';

declare module 'fastify' {
  interface FastifyRequest {
    fault: Fault | null;
  }
}

const LOGIN_PAGE = '<!doctype html><html><title>Sign in</title><body>Your session has expired.</body></html>';

const DRIP_MS = 250;

export function registerFaults(app: FastifyInstance, plan: FaultPlan, settings: Settings): void {
  app.decorateRequest('fault', null);
  app.addHook('onRequest', async (request, reply) => {
    const { api, webhook, admin } = request.routeOptions.config;
    if (admin === true) return undefined;
    const [path = '', query = ''] = request.url.split('?', 2);
    const family = webhook === true ? 'webhooks' : (api?.family ?? null);
    const fault = (request.fault = plan.next({
      method: request.method,
      path,
      query,
      family,
      isProbe: isProbe(request),
    }));
    const delayMs = (fault?.delayMs ?? 0) + (api === undefined ? 0 : settings.latencyMs);
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
    return fault === null ? undefined : injectBefore(fault, request, reply);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (settings.clockOffsetSeconds !== 0) void reply.header('Date', vendorTime(settings).toUTCString());
    return request.fault === null || typeof payload !== 'string'
      ? payload
      : injectAfter({ fault: request.fault, request, reply, payload, settings });
  });
}

function injectBefore(fault: Fault, request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
  if (fault.reset === 'before') request.raw.socket.destroy();
  if (fault.slowRead === true) readSlowly(request.raw);
  if (fault.reset === 'before' || fault.hang === true || fault.slowRead === true) return reply.hijack();
  if (fault.when === 'after') return undefined;
  // injectAfter fills in the payload, whether the request was carried out or not.
  const isAnswer = fault.status !== undefined || fault.html === true || fault.raw !== undefined;
  return isAnswer ? reply.send('') : undefined;
}

/** Nothing else reads a hijacked request: what is not read here stays in its stream, then in the connection. */
function readSlowly(body: IncomingMessage): void {
  const timer = setInterval(() => void body.read(1), 1_000);
  timer.unref();
  body.socket.once('close', () => clearInterval(timer));
}

interface Injection {
  readonly fault: Fault;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly payload: string;
  readonly settings: Settings;
}

async function injectAfter({ fault, request, reply, payload, settings }: Injection): Promise<string> {
  if (fault.reset === 'after' || fault.truncate === 'cut') {
    if (fault.truncate === 'cut') sendHalf(reply, payload);
    request.raw.socket.destroySoon();
  }
  const isSilent = fault.reset === 'after' || fault.truncate === 'cut' || fault.answerLost === true;
  if (isSilent) return new Promise<string>(() => {});
  if (fault.retryAfter !== undefined)
    void reply.header('Retry-After', retryAfterHeader(fault.retryAfter, vendorTime(settings).getTime()));
  if (fault.location !== undefined) void reply.header('Location', fault.location);
  const answer = replaceAnswer(fault, reply, payload);
  return fault.drip === undefined ? answer : drip(reply, answer, fault.drip, fault.dripMs ?? DRIP_MS);
}

/** Returns what is sent instead of the answer. */
function replaceAnswer(fault: Fault, reply: FastifyReply, payload: string): string {
  if (fault.html === true) {
    void reply.code(fault.status ?? 200).type('text/html');
    return LOGIN_PAGE;
  }
  if (fault.raw !== undefined) {
    void reply.code(fault.status ?? 200).type('application/json');
    return fault.raw;
  }
  if (fault.truncate !== undefined) return payload.slice(0, Math.floor(payload.length / 2));
  if (fault.status === undefined) return payload;
  void reply.code(fault.status).type('application/json');
  return JSON.stringify(fault.body ?? { message: `injected fault (${fault.status})` });
}

/** All headers, and half of the body that they announce. */
function sendHalf(reply: FastifyReply, payload: string): void {
  reply.raw.writeHead(reply.statusCode, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(payload),
  });
  reply.raw.write(payload.slice(0, Math.floor(payload.length / 2)));
}

/**
 * Writes to the socket directly, because Node's response sends the headers in one piece. Ends when everything has been
 * sent or the client has closed the connection.
 */
function drip(reply: FastifyReply, body: string, from: 'headers' | 'body', everyMs: number): Promise<string> {
  const { socket } = reply.raw;
  const length = Buffer.byteLength(body);
  const fields = ['Content-Type: application/json', `Content-Length: ${length}`, 'Connection: close'];
  const head = [`HTTP/1.1 ${reply.statusCode} Slow`, ...fields, '', ''].join('\r\n');
  if (from === 'body') socket?.write(head);
  const bytes = Buffer.from(from === 'body' ? body : head + body);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent === bytes.length) socket?.destroySoon();
    else socket?.write(bytes.subarray(sent, (sent += 1)));
  }, everyMs);
  timer.unref();
  socket?.once('close', () => clearInterval(timer));
  return new Promise<string>(() => {});
}
