/**
 * One HTTP attempt, hardened (reliability.md §0.5, §1): never a retry, never a redirect, never a proxy, always a deadline
 * of the whole exchange, always a limit of the answer. Says as a value what happened, above all whether a byte may
 * have left. Knows nothing of tokens or families.
 */
import http from 'node:http';
import https from 'node:https';
import axios, { isAxiosError, type AxiosInstance } from 'axios';
import { createAgents } from './agents.ts';
import type { NoAnswerReason } from './errors.ts';

export interface HttpRequest {
  readonly verb: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Until the last byte of the answer's body. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called synchronously right before the first byte is written; if it throws, nothing is sent. */
  readonly beforeSend?: (() => void) | undefined;
}

export type HttpOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, unknown>>;
      /** null: cut off, too long or not decodable. */
      readonly body: string | null;
    }
  | {
      readonly kind: 'none';
      readonly reason: NoAnswerReason;
      readonly code: string | null;
      /** Bytes of the request may have left. */
      readonly sent: boolean;
    };

export interface Http {
  /** Errors: only what `beforeSend` throws, unchanged. */
  send(request: HttpRequest): Promise<HttpOutcome>;
  close(): void;
}

/** Of the decompressed answer. The longest is a list of suppressions; a gzip bomb is longer (reliability.md M4). */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export function createHttp(): Http {
  const agents = createAgents();
  const instance = axios.create({
    httpAgent: agents.http,
    httpsAgent: agents.https,
    adapter: 'http',
    // The bodies are text here: which answer has to be JSON depends on its status.
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
    return outcomeOf(error, watch, deadline.reason());
  } finally {
    deadline.dispose();
  }
}

/** Nothing of axios's error goes further than its code. */
function outcomeOf(error: unknown, watch: Watch, cut: 'timeout' | 'aborted' | null): HttpOutcome {
  const code = isAxiosError(error) ? (error.code ?? null) : null;
  // A status that came counts even where its body did not; a 2xx whose body the deadline cut off is no answer.
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
 * Stands between axios and node:http, for two facts that axios does not tell: that the request is about to leave, and
 * which status came before the connection broke. A ClientRequest emits `socket` right before it flushes itself into it,
 * and agents.ts hands over none but connected sockets.
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
      // Destroyed by the deadline or the caller while it waited for the connection.
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

/** The deadline and the caller's signal as one. Not AbortSignal.any: on Node 20 it stays with a long-lived signal. */
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
