/** Addresses that events must not be sent to. A receiver on loopback counts the connections. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Lookup } from '../../src/activities/outbox/checked-lookup.ts';
import { createWebhook, type WebhookOptions } from '../../src/activities/outbox/webhook.ts';
import { addressProblem, readHost, subscriberProblem } from '../../src/domain/subscriber-address.ts';

const RULES = { allowLoopback: false, hosts: null };

async function listen<S extends Server>(server: S): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function startReceiver() {
  const receiver = { hits: 0, port: 0 };
  receiver.port = await listen(
    createServer((socket) => {
      receiver.hits += 1;
      socket.destroy();
    }),
  );
  return receiver;
}

/** Answers with the next addresses at each call. */
function resolvingTo(...answers: readonly (readonly string[])[]): Lookup {
  const left = [...answers];
  return (_, _options, callback) => {
    const addresses = left.shift() ?? [];
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
}

const post = (options: Partial<WebhookOptions> & { readonly url: string }) =>
  createWebhook({ syncToken: null, signingSecrets: [], ...RULES, ...options })('evt-1', '{}');

/** Each is refused as the host of a URL, and as what a host name resolves to. */
const REFUSED = [
  ...['127.0.0.1', '127.255.255.254', '::1', '::', '0.0.0.0', '0.1.2.3', '::ffff:127.0.0.1', '::127.0.0.1'],
  ...['169.254.169.254', '10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  ...['100.64.0.1', '100.127.255.255', 'fd00::1', 'fd00:ec2::254', 'fc00::1', 'fe80::1', 'fec0::1'],
  ...['64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1', '::ffff:0:127.0.0.1', '2002:7f00:1::1'],
  ...['2001::1', '2001:db8::1', '100::1', 'ff02::1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
  ...['192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '::ffff:8.8.8.8', '4000::1'],
];

/** Other ways to write an address in a URL. */
const OTHER_FORMS = [
  '2130706433',
  '0x7f.1',
  '127.1',
  '0177.0.0.1',
  '0',
  '127.0.0.1.',
  '①②⑦.0.0.1',
  'localhost',
];

describe('an address that is not public', () => {
  it.each(REFUSED)('%s is refused in a URL, and when a host resolves to it', async (address) => {
    const literal = `https://${address.includes(':') ? `[${address}]` : address}/hook`;
    expect(() => post({ url: literal })).toThrow(/^the webhook address must not be /);
    const refused = post({ url: 'https://crm.example/hook', lookup: resolvingTo([address]) });
    await expect(refused).rejects.toThrow(
      new RegExp(`^nothing was sent: crm.example resolves to ${address.replaceAll('.', '\\.')}, `),
    );
  });

  it.each(OTHER_FORMS)('https://%s is refused', (host) => {
    expect(() => post({ url: `https://${host}/hook` })).toThrow(/^the webhook address must not be /);
  });

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
    '%s is public',
    (address) => expect(addressProblem(address, RULES)).toBeNull(),
  );

  it('is refused among public ones', async () => {
    const lookup = resolvingTo(['8.8.8.8', '10.0.0.1']);
    await expect(post({ url: 'https://crm.example/hook', lookup })).rejects.toThrow('resolves to 10.0.0.1');
  });

  it('is refused in a name that always means this machine', async () => {
    for (const host of ['localhost.', 'x.localhost']) {
      const lookup = resolvingTo(['127.0.0.1']);
      await expect(post({ url: `https://${host}/`, lookup }), host).rejects.toThrow('nothing was sent');
    }
  });
});

describe('a host whose DNS entry changes', () => {
  it('is resolved once for an attempt, and connected to only if that answer is permitted', async () => {
    const receiver = await startReceiver();
    const host = `crm.example:${receiver.port}`;
    const url = `https://${host}/hook`;
    const lookup = resolvingTo(['127.0.0.1'], ['127.0.0.1']);
    const strict = { url, hosts: [host], lookup };
    await expect(post(strict)).rejects.toThrow(
      'crm.example resolves to 127.0.0.1, this machine, which only CXFLOW_ALLOW_LOOPBACK_WEBHOOKS=true permits',
    );
    expect(receiver.hits).toBe(0);
    // The same name and port reach it where this machine is permitted.
    await expect(post({ ...strict, allowLoopback: true })).rejects.toThrow('no answer');
    expect(receiver.hits).toBe(1);
  });

  it('is named in the TLS handshake, although the connection goes to an address', async () => {
    const names: string[] = [];
    const refuse = (name: string, done: (error: Error) => void) => {
      names.push(name);
      done(new Error('no certificate'));
    };
    const port = await listen(tls.createServer({ SNICallback: refuse }));
    const hosts = [`crm.example:${port}`];
    const lookup = resolvingTo(['127.0.0.1']);
    const url = `https://crm.example:${port}/hook`;
    await expect(post({ url, hosts, lookup, allowLoopback: true })).rejects.toThrow('no answer');
    expect(names).toEqual(['crm.example']);
  });
});

describe('CXFLOW_WEBHOOK_HOSTS', () => {
  const problemOf = (url: string, hosts: readonly string[] | null) =>
    subscriberProblem(new URL(url), { allowLoopback: false, hosts });

  it.each([
    ['https://crm.example/hook', null],
    ['https://crm.example:443/hook', null],
    ['https://crm.example/hook', ['other.example', 'crm.example']],
    ['https://crm.example:8443/hook', ['crm.example:8443']],
    ['https://10.1.2.3/hook', ['10.1.2.3']],
    ['https://[fd00::1]:8443/hook', ['[fd00::1]:8443']],
    ['https://bücher.example/', ['xn--bcher-kva.example']],
  ])('permits %s with %j', (url, hosts) => {
    expect(problemOf(url, hosts)).toBeNull();
  });

  it.each([
    [
      'https://crm.example:22/hook',
      null,
      'must have port 443, unless CXFLOW_WEBHOOK_HOSTS lists crm.example:22',
    ],
    ['https://crm.example:8443/', ['crm.example'], 'which does not list crm.example:8443'],
    ['https://crm.example/', ['crm.example:8443'], 'which does not list crm.example'],
    ['https://crm.example.evil.example/', ['crm.example'], 'does not list crm.example.evil.example'],
    ['https://x.crm.example/', ['crm.example'], 'does not list x.crm.example'],
    [
      'https://10.1.2.3/',
      null,
      'must not be 10.1.2.3, a private address that CXFLOW_WEBHOOK_HOSTS does not list beside the host',
    ],
    [
      'https://169.254.169.254/',
      ['169.254.169.254'],
      'must not be 169.254.169.254, which is no public address',
    ],
    ['https://127.0.0.1/', ['127.0.0.1'], 'unless CXFLOW_ALLOW_LOOPBACK_WEBHOOKS=true'],
    ['https://user:hush@crm.example/', null, 'must not hold credentials'],
    ['http://crm.example/', ['crm.example'], 'must be https'],
    ['http://crm.example:443/', null, 'must be https'],
    ['ftp://crm.example/', null, 'must be https'],
  ])('refuses %s with %j', (url, hosts, message) => {
    const problem = problemOf(url, hosts);
    expect(problem).toContain(message);
    expect(problem).not.toContain('hush');
  });

  it.each([
    ['10.1.2.3', ['crm.example', '10.1.2.3'], true],
    ['10.1.2.3', ['crm.example', '10.1.2.3:8443'], true],
    ['fd00::1', ['crm.example', '[fd00:0::1]'], true],
    ['10.1.2.4', ['crm.example', '10.1.2.3'], false],
    ['10.1.2.3', ['crm.example'], false],
    ['169.254.169.254', ['crm.example', '169.254.169.254'], false],
    ['127.0.0.1', ['crm.example', '127.0.0.1'], false],
  ])('decides about a host at %s with %j: %s', (address, entries, isPermitted) => {
    const hosts = entries.map((entry) => readHost(entry) ?? expect.fail(entry));
    expect(addressProblem(address, { allowLoopback: false, hosts }) === null).toBe(isPermitted);
  });

  it.each([
    'https://crm.example',
    'crm.example/hook',
    '*.example',
    'u@crm.example',
    'crm example',
    '',
    'a:99999',
  ])('does not take %j for a host', (text) => expect(readHost(text)).toBeNull());
});
