/**
 * Where events may be sent (docs/webhooks.md#where-events-may-go). Without these rules, whoever chooses the address of a
 * webhook, or the DNS entry of its host, could have a worker post to servers that only its own network reaches. Pure.
 */
import ipaddr from 'ipaddr.js';

export interface SubscriberRules {
  /** CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: permits addresses on this machine, and plain http to them. */
  readonly allowLoopback: boolean;
  /** CXFLOW_WEBHOOK_HOSTS, as `readHost` returns them; null: any public host. */
  readonly hosts: readonly string[] | null;
}

/** Whether a host name, as URLs have it, is that of this machine. */
export const isLoopback = (hostname: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

/** Those of a network of one's own, which CXFLOW_WEBHOOK_HOSTS may permit one by one. Others, such as link-local, never are. */
const PRIVATE: readonly string[] = ['private', 'carrierGradeNat', 'uniqueLocal'];

/** All that is assigned for the public Internet; `unicast` of the library includes the unassigned rest. */
const PUBLIC_IPV6 = ipaddr.parseCIDR('2000::/3');

/** A host, or host and port, as URLs have them: `crm.example`, `crm.example:8443`, `[fd00::1]`. Null: it is neither. */
export function readHost(text: string): string | null {
  const url = `https://${text}`;
  return /^[^/?#@\\*]+$/.test(text) && URL.canParse(url) ? new URL(url).host : null;
}

/** What is wrong with the address of a webhook, as far as it shows before its host is resolved. Begins with `must`. */
export function subscriberProblem(url: URL, rules: SubscriberRules): string | null {
  const { hostname, host, port, protocol, username, password } = url;
  if (username || password) return 'must not hold credentials';
  if (isLoopback(hostname))
    return rules.allowLoopback
      ? null
      : 'must not be on this machine unless CXFLOW_ALLOW_LOOPBACK_WEBHOOKS=true';
  if (protocol !== 'https:') return 'must be https';
  if (rules.hosts !== null && !rules.hosts.includes(host))
    return `must have a host that CXFLOW_WEBHOOK_HOSTS lists, which does not list ${host}`;
  if (rules.hosts === null && port !== '')
    return `must have port 443, unless CXFLOW_WEBHOOK_HOSTS lists ${host}`;
  const address = hostname.replace(/^\[|\]$/g, '');
  if (!ipaddr.isValid(address)) return null;
  const problem = addressProblem(address, rules);
  return problem && `must not be ${problem}`;
}

/** What is wrong with an IP address of a subscriber; null if events may be sent to it. */
export function addressProblem(address: string, rules: SubscriberRules): string | null {
  if (!ipaddr.isValid(address)) return `${JSON.stringify(address)}, which is no IP address`;
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range === 'loopback')
    return rules.allowLoopback
      ? null
      : `${address}, this machine, which only CXFLOW_ALLOW_LOOPBACK_WEBHOOKS=true permits`;
  const isPublic = parsed.kind() === 'ipv4' || parsed.match(PUBLIC_IPV6);
  if (range === 'unicast' && isPublic) return null;
  if (!PRIVATE.includes(range)) return `${address}, which is no public address`;
  const hostname = new URL(`https://${parsed.kind() === 'ipv6' ? `[${address}]` : address}`).hostname;
  if (rules.hosts?.some((host) => new URL(`https://${host}`).hostname === hostname)) return null;
  return `${address}, a private address that CXFLOW_WEBHOOK_HOSTS does not list beside the host`;
}
