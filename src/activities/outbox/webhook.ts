/** One POST to a receiver of ours. A client of its own: it knows no bearer token, and none can leak (S0's fault). */
import axios from 'axios';

export interface WebhookOptions {
  readonly url: string;
  readonly syncToken: { reveal(): string } | null;
  /** CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: plain http, and to this machine. */
  readonly allowLoopback: boolean;
}

/** Rejects with an Error whose message says only what the receiver's answer was. */
export type PostWebhook = (id: string, body: string) => Promise<void>;

/** Source: cxone-api.md, deadlines: the whole answer. */
const DEADLINE_MS = 5_000;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Throws at once when the address is none that we would post to. */
export function createWebhook({ url, syncToken, allowLoopback }: WebhookOptions): PostWebhook {
  const { protocol, hostname } = new URL(url);
  const loopback = LOOPBACK.test(hostname);
  if (loopback && !allowLoopback)
    throw new Error('CRM_WEBHOOK_URL is on this machine: set CXFLOW_ALLOW_LOOPBACK_WEBHOOKS=true');
  if (protocol !== 'https:' && !loopback) throw new Error('CRM_WEBHOOK_URL must be https');
  const http = axios.create({
    proxy: false,
    maxRedirects: 0,
    maxContentLength: 65_536,
    validateStatus: () => true,
  });
  return async (id, body) => {
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      ...(syncToken && { 'x-sync-token': syncToken.reveal() }),
    };
    // A body that is a string already: the same bytes on every try.
    const options = {
      headers,
      signal: AbortSignal.timeout(DEADLINE_MS),
      transformRequest: (data: unknown) => data,
    };
    const status = await http.post(url, body, options).then(
      (answer) => answer.status,
      (error: unknown) => Promise.reject(new Error(`no answer (${codeOf(error)})`)),
    );
    if (status < 200 || status > 299) throw new Error(`status ${status}`);
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
