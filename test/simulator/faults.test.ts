import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFaultPlan, type Fault, type FaultRule, retryAfterHeader } from '../../src/simulator/faults.ts';
import { mulberry32 } from '../../src/simulator/random.ts';
import { captureError } from '../cxone/vendor.ts';
import { contact, contacts, startSimulator } from './stand.ts';

const API = '^/api/';
const request = { method: 'POST', path: '/api/x', family: 'contactlists' };

describe('the fault plan', () => {
  const draw = (seed: number, rules: readonly FaultRule[], n = 200) => {
    const plan = createFaultPlan(seed, rules);
    return Array.from({ length: n }, () => plan.next(request));
  };
  const rules: FaultRule[] = [
    { probability: 0.15, fault: { answerLost: true } },
    { match: { family: 'contactlists' }, probability: 0.3, fault: { status: 503 } },
  ];

  it('is the same for the same seed, and differs for another seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(draw(seed, rules)).toEqual(draw(seed, rules));
        expect(draw(seed, rules)).not.toEqual(draw(seed + 1, rules));
      }),
    );
  });

  it("makes a rule's decisions independent of requests that the rule does not match", () => {
    const rule: FaultRule = { match: { method: 'post' }, probability: 0.5, fault: { hang: true } };
    const plan = createFaultPlan(7, [rule]);
    const mixed = Array.from({ length: 400 }, (_, i) =>
      plan.next({ ...request, method: i % 2 ? 'GET' : 'POST' }),
    );
    expect(mixed.filter((_, i) => i % 2 === 0)).toEqual(draw(7, [rule]));
    expect(mixed.filter((_, i) => i % 2 === 1).every((fault) => fault === null)).toBe(true);
  });

  it('injects faults with the given probability', () => {
    const injected = draw(42, [{ probability: 0.2, fault: { hang: true } }], 10_000).filter(Boolean).length;
    expect(injected).toBeGreaterThan(1_800);
    expect(injected).toBeLessThan(2_200);
  });

  it('skips the first `after` matches, and injects at most `times` faults', () => {
    const pattern = draw(1, [{ after: 2, times: 3, fault: { hang: true } }], 7).map(Boolean);
    expect(pattern).toEqual([false, false, true, true, true, false, false]);
  });

  it('matches by method, path and family', () => {
    const plan = createFaultPlan(1, [
      { match: { method: 'PUT', path: '/records/', family: 'contactlists' }, fault: { hang: true } },
    ]);
    const hit = { method: 'PUT', path: '/a/records/1', family: 'contactlists' };
    expect(plan.next({ ...hit, method: 'POST' })).toBeNull();
    expect(plan.next({ ...hit, path: '/x' })).toBeNull();
    expect(plan.next({ ...hit, family: null })).toBeNull();
    expect(plan.next(hit)).toEqual({ hang: true });
  });

  it('matches by query, so that a fault can concern one contact', () => {
    const query = `contactId=${'7'.repeat(4)}`;
    const plan = createFaultPlan(1, [{ match: { method: 'GET', query }, fault: { status: 422 } }]);
    const read = { ...request, method: 'GET' };
    expect(plan.next(read)).toBeNull();
    expect(plan.next({ ...read, query: 'contactId=1&channel=sms' })).toBeNull();
    expect(plan.next({ ...read, query: `${query}&channel=sms` })).toEqual({ status: 422 });
  });

  it.each([
    [{}],
    [{ fault: {} }],
    [{ fault: { status: 200 } }],
    [{ fault: { stauts: 503 } }],
    [{ match: { path: '(' }, fault: { hang: true } }],
    [{ match: { query: '(' }, fault: { hang: true } }],
    [{ probability: 2, fault: { hang: true } }],
  ])('rejects the rule %j', (rule) => {
    expect(() => createFaultPlan(1, [rule as FaultRule])).toThrow();
  });

  it('uses a generator that agrees with other implementations of mulberry32', () => {
    const random = mulberry32(1);
    const first = Array.from({ length: 3 }, () => Math.floor(random() * 2 ** 32));
    expect(first).toEqual([2693262067, 11749833, 2265367787]);
  });

  it('formats Retry-After as the rule defines it', () => {
    const now = Date.parse('2026-11-21T12:00:00Z');
    expect(retryAfterHeader(5, now)).toBe('5');
    expect(retryAfterHeader('soon', now)).toBe('soon');
    expect(retryAfterHeader('http-date-in-30', now)).toBe('Sat, 21 Nov 2026 12:00:30 GMT');
    expect(retryAfterHeader('http-date-in--30', now)).toBe('Sat, 21 Nov 2026 11:59:30 GMT');
  });
});

describe('faults, as the SDK sees them', () => {
  const applied = { applied: 'unknown' };
  const cases: [string, Fault, object, number][] = [
    [
      'a status before the effect',
      { status: 503, retryAfter: 3 },
      { status: 503, retryAfterMs: 3000, ...applied },
      0,
    ],
    [
      'a status after the effect',
      { status: 503, when: 'after' },
      { name: 'CxoneUnavailable', ...applied },
      1,
    ],
    [
      '429',
      { status: 429, retryAfter: 9 },
      { name: 'CxoneRateLimited', retryAfterMs: 9000, applied: 'no' },
      0,
    ],
    [
      'a redirect after the effect',
      { status: 303, location: '/elsewhere', when: 'after' },
      { name: 'CxoneRefused', status: 303, ...applied },
      1,
    ],
    ['no answer', { hang: true }, { reason: 'timeout', ...applied }, 0],
    ['a request that is read very slowly', { slowRead: true }, { reason: 'timeout', ...applied }, 0],
    ['a reset before the effect', { reset: 'before' }, { reason: 'connection', ...applied }, 0],
    ['a reset after the effect', { reset: 'after' }, { reason: 'connection', ...applied }, 1],
    ['a lost answer', { answerLost: true }, { reason: 'timeout', ...applied }, 1],
    ['half an answer', { truncate: true }, { name: 'CxoneUnreadable', ...applied }, 1],
    ['an answer cut off', { truncate: 'cut' }, { name: 'CxoneUnreadable', ...applied }, 1],
    ['a login page', { html: true }, { name: 'CxoneUnreadable', status: 200, ...applied }, 0],
    ['a body that arrives byte by byte', { drip: 'body' }, { reason: 'timeout', ...applied }, 1],
    ['headers that arrive byte by byte', { drip: 'headers' }, { reason: 'timeout', ...applied }, 1],
    [
      'a 503 that arrives byte by byte',
      { drip: 'body', status: 503, when: 'after' },
      { name: 'CxoneUnavailable', ...applied },
      1,
    ],
    [
      'a body that is not JSON',
      { raw: '{"recordsCreated": NaN}' },
      { name: 'CxoneUnreadable', ...applied },
      0,
    ],
    ['an empty 200', { raw: '', when: 'after' }, { name: 'CxoneUnreadable', ...applied }, 1],
    [
      'a login page after the effect',
      { html: true, when: 'after' },
      { name: 'CxoneUnreadable', ...applied },
      1,
    ],
  ];

  it.each(cases)('%s', async (_, fault, error, journaled) => {
    const faults = [{ match: { path: API }, times: 1, fault }];
    const { cxone, impatient, create, admin } = await startSimulator({ faults });
    const isSlow = fault.drip !== undefined || ('reason' in error && error.reason === 'timeout');
    const { contactLists } = isSlow ? impatient : cxone;
    const failure = await captureError(contactLists.createRecords({ listId: 'L1', records: [contact(1)] }));
    expect(failure).toMatchObject(error);
    expect((await admin.journal()).length).toBe(journaled);
    expect(await create('L1', [contact(2)])).toMatchObject({ kind: 'created' });
  });

  it('a status with a body of its own', async () => {
    const body = { message: 'no', errors: [{ index: 0, code: 'BAD' }] };
    const rule = { match: { family: 'contactlists' as const }, fault: { status: 400, body } };
    const { create } = await startSimulator({ faults: [rule] });
    expect(await create('L1', [contact(1)])).toMatchObject({ kind: 'refused', named: [{ code: 'BAD' }] });
  });

  it('fewer records created than sent, and fewer reported than created', async () => {
    const rules: FaultRule[] = [
      { match: { path: API }, times: 1, fault: { dropRecords: 3 } },
      { match: { path: API }, times: 1, fault: { underreport: 4 } },
    ];
    const { create, admin } = await startSimulator({ faults: rules });
    expect(await create('L1', contacts(1, 10))).toMatchObject({
      kind: 'created',
      recordsCreated: 7,
      named: [],
    });
    expect(await create('L2', contacts(1, 10))).toMatchObject({
      kind: 'created',
      recordsCreated: 6,
      named: [],
    });
    expect((await admin.health()).lists).toEqual({ L1: 7, L2: 10 });
  });

  it('an answer that arrives byte by byte, but within the deadline', async () => {
    const { create } = await startSimulator({
      faults: [{ match: { path: API }, fault: { drip: 'headers', dripMs: 1 } }],
    });
    expect(await create('L1', [contact(1)])).toMatchObject({ kind: 'created', recordsCreated: 1 });
    expect(await create('L1', [contact(1)])).toMatchObject({ kind: 'duplicates' });
  });

  it('a valid answer of its own, with or without the effect', async () => {
    const raw = '{"id":"x","recordsCreated":1,"warnings":[],"errors":[]}';
    const { create, admin } = await startSimulator({
      faults: [
        { match: { path: API }, times: 1, fault: { raw } },
        { match: { path: API }, fault: { raw, when: 'after' } },
      ],
    });
    for (const n of [1, 2]) expect(await create('L1', [contact(n)])).toMatchObject({ kind: 'created' });
    expect((await admin.journal()).map(({ contactId }) => contactId)).toEqual(['c2']);
  });

  it('a delay before the request is carried out', async () => {
    const { impatient, admin } = await startSimulator({
      faults: [{ match: { path: API }, times: 1, fault: { delayMs: 10_000 } }],
    });
    const request = { listId: 'L1', records: [contact(1)] };
    expect(await captureError(impatient.contactLists.createRecords(request))).toMatchObject({
      reason: 'timeout',
    });
    expect((await admin.health()).applied).toBe(0);
  });

  it('token endpoints are matched by path, never by family', async () => {
    const { create, admin } = await startSimulator({
      faults: [{ match: { path: 'token' }, times: 1, fault: { status: 500 } }],
    });
    expect(await captureError(create('L1', [contact(1)]))).toMatchObject({ status: 500, applied: 'no' });
    await admin.setFaults([{ match: { family: 'contactlists' }, fault: { status: 502 } }]);
    expect(await captureError(create('L1', [contact(1)]))).toMatchObject({ status: 502 });
    expect(await admin.faults()).toMatchObject([{ matches: 1, injected: 1 }]);
    await admin.clearFaults();
    expect(await create('L1', [contact(1)])).toMatchObject({ kind: 'created' });
  });

  it('the admin API is exempt from faults', async () => {
    const { admin } = await startSimulator({ faults: [{ fault: { hang: true } }] });
    expect(await admin.health()).toMatchObject({ ok: true });
  });
});
