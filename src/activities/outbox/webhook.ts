/** Delivers events by POST. Uses its own HTTP client, which never has CXone's bearer token and so cannot leak it. */
import dns from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import axios from 'axios';
import { retryAfterMs } from '../../cxone/retry-after.ts';
import { type SubscriberRules, subscriberProblem } from '../../domain/subscriber-address.ts';
import { AddressRefused, checkedLookup, type Lookup } from './checked-lookup.ts';
import { createSigner } from './signature.ts';

export interface WebhookOptions extends SubscriberRules {
  readonly url: string;
  readonly syncToken: { reveal(): string } | null;
  /** CXFLOW_WEBHOOK_SECRET. Without any, events are not signed. */
  readonly signingSecrets: readonly { reveal(): string }[];
  /** Default: that of node:dns. */
  readonly lookup?: Lookup;
}

/** The message contains only the status or the code of the failure, or why the address is refused. */
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

/** Throws if events must not be sent to the address. */
export function createWebhook({ url, syncToken, signingSecrets, ...options }: WebhookOptions): PostWebhook {
  const problem = subscriberProblem(new URL(url), options);
  if (problem) throw new Error(`the webhook address ${problem}`);
  const client = createClient(options);
  const sign = createSigner(signingSecrets);
  return async (id, body) => {
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      ...sign(id, body, new Date()),
      ...(syncToken && { 'x-sync-token': syncToken.reveal() }),
    };
    const {
      data,
      status,
      headers: answered,
    } = await client
      .post<Readable>(url, body, { headers, signal: AbortSignal.timeout(DEADLINE_MS) })
      .catch((error: unknown) => Promise.reject(new EventNotAccepted(describeFailure(error))));
    // The connection may break at the same moment, and an error that nobody listens to would end the worker.
    data.on('error', () => undefined).destroy();
    if (status >= 200 && status <= 299) return;
    const waitMs = retryAfterMs(answered['retry-after'], answered['date'], Date.now());
    throw new EventNotAccepted(`status ${status}`, waitMs);
  };
}

/** No connection is used twice, because the rest of an answer is not read. */
function createClient({ lookup = dns.lookup, ...rules }: SubscriberRules & { readonly lookup?: Lookup }) {
  const connecting = { lookup: checkedLookup(rules, lookup) };
  return axios.create({
    httpAgent: new http.Agent(connecting),
    httpsAgent: new https.Agent(connecting),
    proxy: false,
    maxRedirects: 0,
    validateStatus: () => true,
    // Only status and headers count. The body may be endless, or not what its headers say.
    responseType: 'stream',
    decompress: false,
    // axios must not change the body, so that every attempt sends the same bytes.
    transformRequest: (data: unknown) => data,
  });
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer (unknown)';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  // Nothing but the deadline cancels an attempt.
  if (code === 'ERR_CANCELED') return `no answer within ${DEADLINE_MS / 1_000} s`;
  if (error.cause instanceof AddressRefused) return `nothing was sent: ${error.cause.message}`;
  return `no answer (${code})`;
}
