import { describe, expect, it } from 'vitest';
import { readFlags } from '../../src/simulator/flags.ts';
import { eventually } from '../harness/wait.ts';
import { contact, contacts, startSimulator } from './stand.ts';

describe('the admin API', () => {
  it('counts requests by route and status, and the requests in flight', async () => {
    const { create, admin } = await startSimulator({ latencyMs: 400 });
    await Promise.all(Array.from({ length: 5 }, (_, i) => create('L1', [contact(i)])));
    await create('L1', [contact(0)]);
    const stats = await admin.stats();
    expect(stats.requests).toEqual({
      'POST /oauth2/token': { 200: 1 },
      'POST /api/v2/contactlists/:listId/records': { 200: 5, 409: 1 },
    });
    expect(stats.maxInFlight).toBe(5);
    expect(Object.values(stats.perSecond).reduce((a, b) => a + b)).toBe(6);
  });

  it('lists the last requests, without their tokens', async () => {
    const { create, token, request, admin } = await startSimulator();
    await create('L1', [contact(1)]);
    await request('GET', `/nowhere?secret=${await token()}`);
    const lines = await admin.requests(2);
    expect(lines).toMatchObject([
      { method: 'POST', path: '/oauth2/token', status: 200, hasAuthorization: false },
      { method: 'GET', path: '/nowhere', status: 404, fault: null },
    ]);
    expect(JSON.stringify(await admin.requests())).not.toContain('sim-contactlists');
  });

  it('counts requests without an answer separately', async () => {
    const { request, admin } = await startSimulator({ faults: [{ fault: { reset: 'before' } }] });
    await request('GET', '/x').catch(() => null);
    await eventually(async () =>
      expect(await admin.stats()).toMatchObject({ requests: { 'GET unknown': { none: 1 } }, inFlight: 0 }),
    );
  });

  it('seeds lists and journals the records as seeds', async () => {
    const { create, admin } = await startSimulator();
    expect(await admin.seedList('L1', contacts(1, 2))).toMatchObject({ created: 2, recordIds: ['r1', 'r2'] });
    expect(await admin.seedList('L1', contacts(2, 3))).toMatchObject({ created: 1 });
    expect(await create('L1', [contact(3)])).toMatchObject({ kind: 'duplicates' });
    expect((await admin.journal()).map((entry) => entry.action)).toEqual(['seed', 'seed', 'seed']);
    await expect(admin.seedList('L1', [contact(9, { optInStatus: 'x' })])).rejects.toThrow(/400/);
  });

  it('pages through a list', async () => {
    const { admin } = await startSimulator();
    await admin.seedList('L1', contacts(1, 9));
    const page = await admin.records('L1', { offset: 7, limit: 5 });
    expect([page.total, page.records.map((r) => r.contactId)]).toEqual([9, ['c8', 'c9']]);
    expect(await admin.records('unknown')).toEqual({ total: 0, records: [] });
  });

  it('changes settings at run time, and rejects invalid ones', async () => {
    const { admin, request } = await startSimulator();
    expect(await admin.change({ latencyMs: 1, naming: 'none' })).toMatchObject({
      latencyMs: 1,
      naming: 'none',
      atomic: true,
    });
    for (const body of ['{"latency":1}', '{"ratePerMinute":-1}', 'null']) {
      const headers = { 'content-type': 'application/json' };
      expect((await request('POST', '/_sim/settings', { headers, body })).status).toBe(400);
    }
  });
});

describe('a clock that differs from ours', () => {
  it('affects Date, Retry-After and which consent dates are in the future', async () => {
    const { api, request, admin } = await startSimulator({ clockOffsetSeconds: 600 });
    const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
    const post = (n: number, consentTimestamp: string) =>
      api('POST', '/api/v2/contactlists/L1/records', { records: [contact(n, { consentTimestamp })] });
    expect((await post(1, inMinutes(14))).status).toBe(200);
    expect((await post(2, inMinutes(16))).text).toContain('CONSENT_IN_FUTURE');
    await admin.setFaults([{ fault: { status: 429, retryAfter: 'http-date-in-30' } }]);
    const { headers } = await request('GET', '/x');
    const [date, until] = ['date', 'retry-after'].map((name) => Date.parse(headers.get(name) ?? ''));
    expect(Math.abs((date ?? 0) - Date.now() - 600_000)).toBeLessThan(60_000);
    expect(Math.abs((until ?? 0) - (date ?? 0) - 30_000)).toBeLessThanOrEqual(1_000);
    await admin.change({ clockOffsetSeconds: -600 });
    await admin.clearFaults();
    expect((await post(3, inMinutes(-4))).text).toContain('CONSENT_IN_FUTURE');
  });
});

describe('the webhook receiver', () => {
  it('keeps each body unchanged, with its headers', async () => {
    const { admin, request } = await startSimulator();
    const body = '{ "event":"x",  "n":1 }';
    const headers = { 'content-type': 'application/json', 'X-Sync-Token': 't' };
    await request('POST', '/_sim/webhooks/crm', { headers, body });
    await request('POST', '/_sim/webhooks/crm', {
      headers: { 'content-type': 'text/x-odd' },
      body: 'no JSON',
    });
    expect(await admin.webhooks('crm')).toMatchObject([
      { raw: body, body: { event: 'x', n: 1 }, headers: { 'x-sync-token': 't' } },
      { raw: 'no JSON', body: null },
    ]);
    expect(await admin.webhooks('other')).toEqual([]);
  });

  it('receives faults by rules of the family webhooks', async () => {
    const { admin, request } = await startSimulator();
    const send = () => request('POST', '/_sim/webhooks/crm', { body: '{}' });
    await admin.setFaults([
      { match: { family: 'webhooks' }, times: 1, fault: { status: 503 } },
      { match: { family: 'webhooks' }, times: 1, fault: { status: 500, when: 'after' } },
    ]);
    expect([(await send()).status, (await send()).status, (await send()).status]).toEqual([503, 500, 200]);
    expect(await admin.webhooks('crm')).toHaveLength(2);
  });
});

describe('flags', () => {
  it('set the simulator options', () => {
    const line =
      '--port 8080 --seed 7 --latency-ms 5 --rate-per-minute 1000 --naming none --non-atomic --strict-lists';
    expect(readFlags([...line.split(' '), '--client', 'a:b:c'])).toMatchObject({
      port: 8080,
      host: '127.0.0.1',
      seed: 7,
      latencyMs: 5,
      ratePerMinute: 1000,
      naming: 'none',
      atomic: false,
      strictLists: true,
      clients: { a: 'b:c' },
    });
    expect(readFlags(['--help'])).toBeNull();
  });

  it.each([
    ['--port', 'x'],
    ['--port', '70000'],
    ['--naming', 'some'],
    ['--client', 'a'],
    ['--latency-ms', '-1'],
    ['x'],
  ])('rejects %s %s', (...args) => {
    expect(() => readFlags(args)).toThrow();
  });
});
