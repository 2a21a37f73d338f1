/**
 * The webhooks of the subscribers: host name, connection, TLS and an HTTP answer. They get an OPTIONS request, which is
 * safe (RFC 9110 §9.2.1): no event is posted and no token is sent. A subscriber that accepts only POST may refuse it.
 */
import type { Config } from '../../config/config.ts';
import { createHttp, type HttpOutcome } from '../../cxone/http.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** The deadline of an event (docs/cxone-contract.md#deadlines-and-limits). */
const DEADLINE_MS = 15_000;
/** Usually a wrong path, but the subscriber may have a route for POST only. */
const NOT_FOUND: readonly number[] = [404, 410];

export async function* examineWebhooks({ crm }: Pick<Config, 'crm'>): AsyncIterable<Finding> {
  const { webhookUrl, marketingWebhookUrl } = crm;
  if (webhookUrl === null) {
    yield ok('CRM webhook', 'not set (CRM_WEBHOOK_URL), so no events are sent');
  } else {
    yield await examineWebhook('CRM webhook', webhookUrl);
  }
  if (marketingWebhookUrl !== null && marketingWebhookUrl !== webhookUrl) {
    yield await examineWebhook('marketing webhook', marketingWebhookUrl);
  }
}

async function examineWebhook(name: string, url: string): Promise<Finding> {
  const http = createHttp();
  try {
    const outcome = await http.send({ verb: 'OPTIONS', url, headers: {}, deadlineMs: DEADLINE_MS });
    return judgeWebhook(name, new URL(url).origin, outcome);
  } finally {
    http.close();
  }
}

/** Prints only the origin, because path and query of a webhook often contain its password. */
export function judgeWebhook(name: string, origin: string, outcome: HttpOutcome): Finding {
  if (outcome.kind === 'none') {
    const why = outcome.code ?? outcome.reason;
    const next = 'check its address, and that workers can reach it; until then events wait in the outbox';
    return problem(name, `${origin} cannot be reached from here (${why})`, next);
  }
  const { status } = outcome;
  const what = `${origin} answers (${status} to OPTIONS)`;
  if (status >= 300 && status < 400) {
    const next = 'set the address that it redirects to, because events do not follow redirects';
    return problem(name, what, next);
  }
  if (NOT_FOUND.includes(status)) {
    return warning(
      name,
      what,
      'check its path: unless it refuses only OPTIONS, no event will be accepted there',
    );
  }
  if (status < 500 || status === 501) return ok(name, what);
  return warning(name, what, 'events are retried until it accepts them; check why it fails');
}
