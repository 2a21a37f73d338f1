/**
 * The receivers of our events: name, connection, TLS and an HTTP answer. Asked with OPTIONS, which is safe
 * (RFC 9110 §9.2.1): no event is posted, no token shown, and a receiver that only takes POST may refuse it.
 */
import type { Config } from '../../config/config.ts';
import { createHttp, type HttpOutcome } from '../../cxone/http.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** As long as an event may take (cxone-api.md, deadlines). */
const DEADLINE_MS = 5_000;
/** A wrong path, mostly; but a receiver may have a route for POST only. */
const NOBODY_THERE: readonly number[] = [404, 410];

export async function* examineWebhooks({ crm }: Pick<Config, 'crm'>): AsyncIterable<Finding> {
  const { webhookUrl, marketingWebhookUrl } = crm;
  if (webhookUrl === null) {
    yield ok('CRM webhook', 'none is set (CRM_WEBHOOK_URL): events are kept and not delivered');
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

/** Path and query of a webhook are often its password: only the origin is said. */
export function judgeWebhook(name: string, origin: string, outcome: HttpOutcome): Finding {
  if (outcome.kind === 'none') {
    const why = outcome.code ?? outcome.reason;
    const next = `check its address, and that workers may reach it; until then events wait in the outbox`;
    return problem(name, `${origin} cannot be reached from here (${why})`, next);
  }
  const { status } = outcome;
  const what = `${origin} answers (${status} to OPTIONS)`;
  if (status >= 300 && status < 400) {
    const next = 'set the address that it redirects to: an event is never sent on to another one';
    return problem(name, what, next);
  }
  if (NOBODY_THERE.includes(status)) {
    return warning(
      name,
      what,
      'check its path: unless only OPTIONS is refused so, no event will be taken there',
    );
  }
  if (status < 500 || status === 501) return ok(name, what);
  return warning(name, what, 'events are tried again until it takes them; look there why it fails');
}
