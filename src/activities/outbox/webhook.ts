/** Delivers events by POST. Uses its own HTTP client, which never has CXone's bearer token and so cannot leak it. */
import type { Readable } from 'node:stream';
import axios from 'axios';
import { retryAfterMs } from '../../cxone/retry-after.ts';

export interface WebhookOptions {
  readonly url: string;
  readonly syncToken: { reveal(): string } | null;
  /** CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: permits addresses on this machine, and plain http to them. */
  readonly allowLoopback: boolean;
}

/** The message contains only the status or the code of the failure. */
export class EventNotAccepted extends Error {
  override readonly name = 'EventNotAccepted';
  /** From `Retry-After`, more than 0. null: no answer, or none with a readable `Retry-After`. */
  readonly retryAfterMs: number | null;
  constructor(what: string, waitMs: number | null = null) {
    super(waitMs === null ? what : `${what}, retry after ${waitMs} ms`);
    this.retryAfterMs = waitMs;
  }
}

/** Errors: EventNotAccepted. */
export type PostWebhook = (id: string, body: string) => Promise<void>;

/** For the whole attempt, until the head of the answer (docs/cxone-contract.md#deadlines-and-limits). */
const DEADLINE_MS = 15_000;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Throws if events must not be sent to the address. */
export function createWebhook({ url, syncToken, allowLoopback }: WebhookOptions): PostWebhook {
  const { protocol, hostname } = new URL(url);
  const loopback = LOOPBACK.test(hostname);
  if (loopback && !allowLoopback)
    throw new Error('the webhook address is on this machine: set CXFLOW_ALLOW_LOOPBACK_WEBHOOKS=true');
  if (protocol !== 'https:' && !loopback) throw new Error('the webhook address must be https');
  const http = axios.create({
    proxy: false,
    maxRedirects: 0,
    validateStatus: () => true,
    // Only status and headers count. The body may be endless, or not what its headers say.
    responseType: 'stream',
    decompress: false,
  });
  return async (id, body) => {
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      ...(syncToken && { 'x-sync-token': syncToken.reveal() }),
    };
    // axios must not change the body, so that every attempt sends the same bytes.
    const options = {
      headers,
      signal: AbortSignal.timeout(DEADLINE_MS),
      transformRequest: (data: unknown) => data,
    };
    const {
      data,
      status,
      headers: answered,
    } = await http
      .post<Readable>(url, body, options)
      .catch((error: unknown) => Promise.reject(new EventNotAccepted(describeFailure(error))));
    // The connection may break at the same moment, and an error that nobody listens to would end the worker.
    data.on('error', () => undefined).destroy();
    if (status >= 200 && status <= 299) return;
    const waitMs = retryAfterMs(answered['retry-after'], answered['date'], Date.now());
    throw new EventNotAccepted(`status ${status}`, waitMs);
  };
}

function describeFailure(error: unknown): string {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
  // Nothing but the deadline cancels an attempt.
  if (code === 'ERR_CANCELED') return `no answer within ${DEADLINE_MS / 1_000} s`;
  return `no answer (${code ?? 'unknown'})`;
}
