/**
 * One HTTP exchange (docs/adr/0020-one-attempt.md#the-cxone-client): no retries, no redirects, no proxy, a deadline for the
 * whole exchange and a limit for the size of the answer. The outcome is a value; above all it says whether a byte of the
 * request may have left. An answer of any length is read in parts. Knows nothing about tokens or families.
 */
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import axios, { type AxiosInstance, isAxiosError } from 'axios';
import { createAgents } from './agents.ts';
import type { NoAnswerReason } from './errors.ts';

export interface HttpRequest {
  readonly verb: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Until the last byte of the answer has arrived; with `onPart`, until the next part of it has. */
  readonly deadlineMs: number;
  readonly onPart?: OnPart | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called synchronously right before the first byte is written. If it throws, nothing is sent. */
  readonly beforeSend?: (() => void) | undefined;
}

/**
 * Receives the body of a 2xx in parts as they arrive, decompressed and of any total length; the outcome then says only whether
 * it broke off. The next part waits until it resolves; false: no more are wanted. What it throws ends the exchange.
 */
export type OnPart = (part: Buffer) => Promise<boolean>;

export type HttpOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, unknown>>;
      /** null: truncated, too long or not decodable. Empty if it went to `onPart`. */
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
  /** Throws only what `beforeSend` and `onPart` throw. */
  send(request: HttpRequest): Promise<HttpOutcome>;
  close(): void;
}

/** After decompression, because a gzip bomb is small on the wire. Answers that are read in parts may be longer. */
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
      ...(request.onPart && IN_PARTS),
    });
    if (request.onPart) await passOn(data as Readable, status < 300 ? request.onPart : null, deadline);
    const body = request.onPart ? '' : data;
    return { kind: 'answer', status, headers, body: typeof body === 'string' ? body : null };
  } catch (error) {
    if (watch.refusal !== null) throw watch.refusal.error;
    if (error instanceof PartRefused) throw error.cause;
    return describeFailure(error, watch, deadline.reason(), request.onPart !== undefined);
  } finally {
    deadline.dispose();
  }
}

const IN_PARTS = { responseType: 'stream', maxContentLength: -1 } as const;

/** Its cause is what `onPart` has thrown. */
class PartRefused extends Error {}

/** The time that `onPart` takes does not count. `null`: nobody wants the body. */
async function passOn(body: Readable, onPart: OnPart | null, deadline: Deadline): Promise<void> {
  if (onPart === null) {
    body.destroy();
    return;
  }
  deadline.restart();
  for await (const part of body) {
    deadline.pause();
    try {
      if (!(await onPart(part as Buffer))) break;
    } catch (cause) {
      throw new PartRefused('', { cause });
    }
    deadline.restart();
  }
}

/** Uses only the code of axios's error, which contains the whole request. */
function describeFailure(
  error: unknown,
  watch: Watch,
  cut: 'timeout' | 'aborted' | null,
  isInParts: boolean,
): HttpOutcome {
  const code = isAxiosError(error) ? (error.code ?? null) : null;
  // A status counts even without its body, except for a 2xx whose body was cut off by the deadline before it was read.
  const isUnread = cut === 'timeout' && (watch.status ?? 0) < 300 && !isInParts;
  if (watch.status !== null && cut !== 'aborted' && !isUnread)
    return { kind: 'answer', status: watch.status, headers: watch.headers, body: null };
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

type Deadline = ReturnType<typeof createDeadline>;

/** The deadline and the caller's signal as one signal. On Node 20, AbortSignal.any leaks if one of them lives long. */
function createDeadline(ms: number, caller: AbortSignal | undefined) {
  const controller = new AbortController();
  let reason: 'timeout' | 'aborted' | null = null;
  const end = (why: 'timeout' | 'aborted') => {
    reason ??= why;
    controller.abort();
  };
  const onAbort = () => end('aborted');
  let timer = setTimeout(end, ms, 'timeout');
  caller?.addEventListener('abort', onAbort, { once: true });
  if (caller?.aborted) onAbort();
  const pause = () => clearTimeout(timer);
  return {
    signal: controller.signal,
    reason: () => reason,
    pause,
    /** The whole time again. */
    restart(): void {
      pause();
      timer = setTimeout(end, ms, 'timeout');
    },
    dispose(): void {
      pause();
      caller?.removeEventListener('abort', onAbort);
    },
  };
}
