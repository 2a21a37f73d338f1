/** Delivers events by POST. Uses its own HTTP client, which never has CXone's bearer token and so cannot leak it. */
import axios from 'axios';

export interface WebhookOptions {
  readonly url: string;
  readonly syncToken: { reveal(): string } | null;
  /** CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: permits addresses on this machine, and plain http to them. */
  readonly allowLoopback: boolean;
}

/** Rejects with an error whose message contains only the status or the code of the failure. */
export type PostWebhook = (id: string, body: string) => Promise<void>;

/** For the whole exchange (docs/cxone-contract.md#deadlines-and-limits). */
const DEADLINE_MS = 5_000;
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
    maxContentLength: 65_536,
    validateStatus: () => true,
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
    const status = await http.post(url, body, options).then(
      (answer) => answer.status,
      (error: unknown) => Promise.reject(new Error(`no answer (${errorCode(error)})`)),
    );
    if (status < 200 || status > 299) throw new Error(`status ${status}`);
  };
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
