/**
 * One HTTP exchange (docs/adr/0020-one-attempt.md#the-cxone-client): no retries, no redirects, no proxy, a deadline for the
 * whole exchange and a limit for the size of the answer. The outcome is a value; above all it says whether a byte of the
 * request may have left. Knows nothing about tokens or families.
 */
import http from 'node:http';
import https from 'node:https';
import axios, { type AxiosInstance, isAxiosError } from 'axios';
import { createAgents } from './agents.ts';
import type { NoAnswerReason } from './errors.ts';

export interface HttpRequest {
  readonly verb: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Until the last byte of the answer has arrived. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called synchronously right before the first byte is written. If it throws, nothing is sent. */
  readonly beforeSend?: (() => void) | undefined;
}

export type HttpOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, unknown>>;
      /** null: truncated, too long or not decodable. */
      readonly body: string | null;
    }
  | {
      readonly kind: 'none';
      readonly reason: NoAnswerReason;
      readonly code: string | null;
      /** A byte of the request may have left. */
      readonly sent: boolean;
    };

export interface Http {
  /** Throws only what `beforeSend` throws. */
  send(request: HttpRequest): Promise<HttpOutcome>;
  close(): void;
}

/** After decompression, because a gzip bomb is small on the wire. The largest regular answer is a list of suppressions. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export function createHttp(): Http {
  const agents = createAgents();
  const instance = axios.create({
    httpAgent: agents.http,
    httpsAgent: agents.https,
    adapter: 'http',
    // Bodies stay text here, because whether they must be JSON depends on the status.
    responseType: 'text',
    transformResponse: (text: unknown) => text,
    transformRequest: (text: unknown) => text,
    validateStatus: () => true,
    transitional: { silentJSONParsing: false, clarifyTimeoutError: true },
    maxContentLength: MAX_ANSWER_BYTES,
    maxRedirects: 0,
    proxy: false,
  });
  return { send: (request) => send(instance, request), close: () => agents.close() };
}

async function send(instance: AxiosInstance, request: HttpRequest): Promise<HttpOutcome> {
  const deadline = createDeadline(request.deadlineMs, request.signal);
  const watch = watchTransport(request.beforeSend);
  try {
    const { status, headers, data } = await instance.request<unknown>({
      method: request.verb,
      url: request.url,
      headers: { ...request.headers, 'User-Agent': 'cxflow' },
      data: request.body,
      signal: deadline.signal,
      transport: watch.transport,
    });
    return { kind: 'answer', status, headers, body: typeof data === 'string' ? data : null };
  } catch (error) {
    if (watch.refusal !== null) throw watch.refusal.error;
    return describeFailure(error, watch, deadline.reason());
  } finally {
    deadline.dispose();
  }
}

/** Uses only the code of axios's error, which contains the whole request. */
function describeFailure(error: unknown, watch: Watch, cut: 'timeout' | 'aborted' | null): HttpOutcome {
  const code = isAxiosError(error) ? (error.code ?? null) : null;
  // A status counts even without its body, except for a 2xx whose body was cut off by the deadline.
  const isAnswer = watch.status !== null && cut !== 'aborted' && !(cut === 'timeout' && watch.status < 300);
  if (isAnswer) return { kind: 'answer', status: watch.status ?? 0, headers: watch.headers, body: null };
  if (cut !== null) return { kind: 'none', reason: cut, code: null, sent: watch.sent };
  return { kind: 'none', reason: 'connection', code, sent: watch.sent };
}

interface Watch {
  readonly transport: { request: typeof http.request };
  sent: boolean;
  status: number | null;
  headers: Readonly<Record<string, unknown>>;
  refusal: { readonly error: unknown } | null;
}

/**
 * A layer between axios and node:http that observes two facts axios does not report: that the request is about to leave,
 * and which status arrived before the connection broke. A ClientRequest emits `socket` right before it writes to it, and
 * agents.ts only hands over connected sockets.
 */
function watchTransport(beforeSend: (() => void) | undefined): Watch {
  const watch: Watch = {
    sent: false,
    status: null,
    headers: {},
    refusal: null,
    transport: { request: request as typeof http.request },
  };
  function request(options: https.RequestOptions, onResponse: (res: http.IncomingMessage) => void) {
    const module = options.protocol === 'https:' ? https : http;
    const req = module.request(options, (res) => {
      watch.status = res.statusCode ?? null;
      watch.headers = res.headers;
      onResponse(res);
    });
    req.once('socket', () => {
      // The deadline or the caller destroyed it while the connection was being established.
      if (req.destroyed) return;
      try {
        beforeSend?.();
        watch.sent = true;
      } catch (error) {
        watch.refusal = { error };
        req.destroy(new Error('refused before it was sent'));
      }
    });
    return req;
  }
  return watch;
}

/** The deadline and the caller's signal as one signal. On Node 20, AbortSignal.any leaks if one of them lives long. */
function createDeadline(ms: number, caller: AbortSignal | undefined) {
  const controller = new AbortController();
  let reason: 'timeout' | 'aborted' | null = null;
  const end = (why: 'timeout' | 'aborted') => {
    reason ??= why;
    controller.abort();
  };
  const onAbort = () => end('aborted');
  const timer = setTimeout(end, ms, 'timeout');
  caller?.addEventListener('abort', onAbort, { once: true });
  if (caller?.aborted) onAbort();
  return {
    signal: controller.signal,
    reason: () => reason,
    dispose(): void {
      clearTimeout(timer);
      caller?.removeEventListener('abort', onAbort);
    },
  };
}
