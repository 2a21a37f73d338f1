/**
 * The webhooks of the subscribers: host name, connection, TLS and an HTTP answer. They get an OPTIONS request, which is
 * safe (RFC 9110 §9.2.1): no event is posted and no token is sent. A subscriber that accepts only POST may refuse it.
 */
import { lookup } from 'node:dns/promises';
import type { Config } from '../../config/config.ts';
import { createHttp, type HttpOutcome } from '../../cxone/http.ts';
import { addressProblem, type SubscriberRules } from '../../domain/subscriber-address.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** The deadline of an event (docs/cxone-contract.md#deadlines-and-limits). */
const DEADLINE_MS = 15_000;
/** Usually a wrong path, but the subscriber may have a route for POST only. */
const NOT_FOUND: readonly number[] = [404, 410];

export async function* examineWebhooks({ crm }: Pick<Config, 'crm'>): AsyncIterable<Finding> {
  const { webhookUrl, marketingWebhookUrl, signingSecrets } = crm;
  if (webhookUrl === null) {
    yield ok('CRM webhook', 'not set (CRM_WEBHOOK_URL), so no events are sent');
  } else {
    yield await examineWebhook('CRM webhook', webhookUrl, crm);
  }
  if (marketingWebhookUrl !== null && marketingWebhookUrl !== webhookUrl) {
    yield await examineWebhook('marketing webhook', marketingWebhookUrl, crm);
  }
  if (marketingWebhookUrl !== null) yield examineSignatures(signingSecrets.length);
}

export function examineSignatures(secrets: number): Finding {
  const name = 'signatures';
  if (secrets === 0) return ok(name, 'none: events are not signed (CXFLOW_WEBHOOK_SECRET)');
  if (secrets === 1) return ok(name, 'events are signed');
  return ok(name, 'events are signed with two secrets; remove the old one once no receiver uses it');
}

async function examineWebhook(name: string, url: string, rules: SubscriberRules): Promise<Finding> {
  const refused = await findRefusedAddress(new URL(url).hostname, rules);
  if (refused !== null) return problem(name, `${new URL(url).origin} is refused`, refused);
  const http = createHttp();
  try {
    const outcome = await http.send({ verb: 'OPTIONS', url, headers: {}, deadlineMs: DEADLINE_MS });
    return judgeWebhook(name, new URL(url).origin, outcome);
  } finally {
    http.close();
  }
}

/** A host that cannot be resolved is found by the request. */
async function findRefusedAddress(hostname: string, rules: SubscriberRules): Promise<string | null> {
  const host = hostname.replace(/^\[|\]$/g, '');
  const addresses = await lookup(host, { all: true }).catch(() => []);
  const problems = addresses.map(({ address }) => addressProblem(address, rules));
  const found = problems.find((each) => each !== null);
  return found === undefined ? null : `no event is sent to it, because it resolves to ${found}`;
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
