import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EmailEvent } from '../../src/cxone/email.ts';
import { messageState } from '../../src/domain/email-send/delivery.ts';
import { decideBehaviour, EMAIL_PLAN } from '../../src/simulator/email.plan.ts';
import { captureError } from '../cxone/vendor.ts';
import { startEmail as start } from './email-stand.ts';

describe('what becomes of a recipient', () => {
  it.each([
    ['nothing', []],
    ['delivered', ['delivery']],
    ['deferred', ['deferred', 'delivery']],
    ['soft', ['bounce']],
    ['hard', ['bounce']],
    ['policy', ['bounce']],
    ['complaint', ['delivery', 'complaint']],
    ['auto_reply', ['delivery', 'auto_reply']],
    ['unsubscribe', ['delivery', 'open', 'unsubscribe']],
    ['open', ['delivery', 'open']],
    ['click', ['delivery', 'open', 'click']],
    ['click_only', ['delivery', 'click']],
    ['machine', ['delivery', 'open', 'click', 'click', 'click']],
  ] as const)('%s: %j', async (does, types) => {
    const { typesOf } = await start();
    expect(await typesOf({ does })).toEqual(types);
  });

  it('without a rule a message is delivered, and the event names all ids', async () => {
    const { job, events, wait, admin } = await start();
    const jobId = await job(['ada']);
    expect(await events(jobId)).toEqual([]);
    wait(2);
    const [{ messageId = '', recipientId = '' } = {}] = await admin.acceptedEmails();
    expect(await events(jobId)).toEqual([
      {
        eventType: 'delivery',
        eventId: `${messageId}-1`,
        messageId,
        recipientId,
        emailAddress: 'ada@example.com',
        timestamp: expect.stringMatching(/^2026-11-30T12:00:01\.\d{3}Z$/) as string,
        jobId: null,
        bounceCode: null,
        bounceDescription: null,
        bounceType: null,
        linkUrl: null,
        method: null,
        machine: null,
        isPartial: false,
      },
    ]);
  });

  it('the first rule whose pattern matches decides; a bounce may have any code, text and label', async () => {
    const { job, events, wait } = await start({
      email: {
        recipients: [
          { address: '^bob@', does: 'hard', bounceCode: '550', bounceDescription: 'x', bounceType: 'Other' },
          { address: '@example', does: 'policy' },
          { does: 'hard' },
        ],
      },
    });
    const jobId = await job(['BOB', 'ada']);
    wait(60);
    const bounces = new Map((await events(jobId)).map((event) => [event.emailAddress, event]));
    expect(bounces.get('BOB@example.com')).toMatchObject({
      bounceCode: '550',
      bounceDescription: 'x',
      bounceType: 'Other',
    });
    expect(bounces.get('ada@example.com')).toMatchObject({ bounceCode: '5.7.1', bounceType: 'Permanent' });
  });

  it('a soft bounce may pass after some messages, for each address apart', async () => {
    const { job, events, wait } = await start({ email: { recipients: [{ does: 'soft', times: 2 }] } });
    const seen: string[] = [];
    for (const names of [['ada'], ['bob', 'ada'], ['ADA'], ['bob'], ['bob']]) {
      const jobId = await job(names);
      wait(60);
      const all = await events(jobId);
      seen.push(
        ...all.map(({ emailAddress, eventType }) => `${emailAddress?.split('@')[0]} ${eventType}`).sort(),
      );
    }
    expect(seen).toEqual([
      'ada bounce',
      'ada bounce',
      'bob bounce',
      'ADA delivery',
      'bob bounce',
      'bob delivery',
    ]);
  });

  it('scanners are marked as machines, people are not', async () => {
    const { job, events, wait, admin } = await start();
    await admin.setEmailPlan({ recipients: [{ address: '^ada', does: 'machine' }, { does: 'click' }] });
    const jobId = await job(['ada', 'bob']);
    wait(60);
    const engaged = (await events(jobId)).filter(({ eventType }) => eventType !== 'delivery');
    expect(engaged.map(({ emailAddress, machine }) => [emailAddress?.split('@')[0], machine]).sort()).toEqual(
      [...Array<unknown>(4).fill(['ada', true]), ['bob', null], ['bob', null]],
    );
  });
});

describe('what people and scanners do', () => {
  it('are kept apart by the rules for what became of an email', async () => {
    const { job, events, wait } = await start({
      email: { recipients: [{ address: '^ada', does: 'machine' }, { does: 'click' }] },
    });
    const jobId = await job(['ada', 'bob']);
    wait(2);
    const all = await events(jobId);
    const stateOf = (name: string) =>
      messageState(all.filter(({ emailAddress }) => emailAddress?.startsWith(name)));
    expect(stateOf('ada')).toMatchObject({
      state: 'delivered',
      opens: { people: 0, machines: 1, suspected: 0 },
      clicks: { people: 0, machines: 3, suspected: 0 },
    });
    expect(stateOf('bob')).toMatchObject({
      opens: { people: 1, machines: 0, suspected: 0 },
      clicks: { people: 1, machines: 0, suspected: 0 },
    });
  });
});

describe('when and how events are there', () => {
  it('late, after their timestamps', async () => {
    const { job, events, wait } = await start({
      email: { recipients: [{ does: 'click', delaySeconds: 60, followUpSeconds: 600, lateSeconds: 3_600 }] },
    });
    const jobId = await job(['ada']);
    const counts: number[] = [];
    for (const seconds of [3_600, 62, 600]) {
      wait(seconds);
      counts.push((await events(jobId)).length);
    }
    expect(counts).toEqual([0, 1, 3]);
    const [delivery, open] = (await events(jobId)).map(({ timestamp }) => Date.parse(timestamp ?? ''));
    expect(delivery).toBeLessThan(Date.parse('2026-11-30T12:01:02.1Z'));
    expect((open ?? 0) - (delivery ?? 0)).toBe(600_001);
  });

  it('repeated, under the same id', async () => {
    const { job, events, wait } = await start({ email: { recipients: [{ does: 'open', copies: 3 }] } });
    const jobId = await job(['ada']);
    wait(60);
    const ids = (await events(jobId)).map(({ eventId }) => eventId);
    expect(ids).toHaveLength(6);
    expect(new Set(ids).size).toBe(2);
  });

  it('out of order', async () => {
    const { typesOf } = await start();
    expect(await typesOf({ does: 'click', outOfOrder: true })).toEqual(['click', 'open', 'delivery']);
  });

  it('without ids of their own', async () => {
    const { job, events, wait } = await start({ email: { recipients: [{ withoutEventId: true }] } });
    const jobId = await job(['ada']);
    wait(60);
    expect(await events(jobId)).toMatchObject([{ eventType: 'delivery', eventId: null, isPartial: false }]);
  });

  it('with more of any type and shape', async () => {
    const { job, events, wait } = await start({
      email: {
        recipients: [{ events: [{ eventType: 'amp_open', seconds: 5, messageId: 'm-0', machine: 'maybe' }] }],
      },
    });
    const jobId = await job(['ada']);
    wait(60);
    expect(await events(jobId)).toMatchObject([
      { eventType: 'delivery' },
      { eventType: 'amp_open', messageId: 'm-0', machine: null, isPartial: true },
    ]);
  });

  it('added by a test, of people who were never written to, or malformed, now or later', async () => {
    const { job, events, wait, admin } = await start();
    const jobId = await job(['ada']);
    wait(60);
    const stranger = { eventType: 'bounce', emailAddress: 'stranger@example.com', bounceCode: '5.1.1' };
    await admin.addEmailEvents(jobId, [stranger, 'nonsense', null]);
    await admin.addEmailEvents(jobId, [{ eventType: 'complaint', messageId: 'm-1' }], 3_600);
    expect(await events(jobId)).toMatchObject([
      { eventType: 'delivery' },
      { ...stranger, messageId: null },
      { eventType: '', isPartial: true },
      { eventType: '', isPartial: true },
    ]);
    wait(3_600);
    expect((await events(jobId)).at(-1)).toMatchObject({ eventType: 'complaint' });
  });

  it('of the types that were asked for, and of those that nobody can ask for', async () => {
    const { job, api, wait } = await start({
      email: { recipients: [{ does: 'click', events: [{ eventType: 'amp_open' }] }] },
    });
    const jobId = await job(['ada']);
    wait(60);
    const { body } = await api(
      'GET',
      `/v1/communications/email/events?jobId=${jobId}&eventType=delivery,open`,
    );
    const { results } = body as { results: EmailEvent[] };
    expect(results.map(({ eventType }) => eventType).sort()).toEqual(['amp_open', 'delivery', 'open']);
  });

  it.each(['limit=1001', 'limit=0', 'offset=-1', 'offset=x'])(
    'a page that cannot be is refused: %s',
    async (query) => {
      const { job, api } = await start();
      const path = `/v1/communications/email/events?jobId=${await job()}&${query}`;
      expect((await api('GET', path)).status).toBe(400);
    },
  );

  it.each([1, 2, 7, 1_000])(
    'pages of %i have every event once, also if more come meanwhile',
    async (limit) => {
      const names = Array.from({ length: 40 }, (_, n) => `p${n}`);
      const { job, events, email, wait } = await start({
        email: {
          recipients: [{ address: '[05]@', does: 'click', lateSeconds: 30 }, { does: 'open' }],
          jobs: [{}],
        },
      });
      const jobId = await job(names);
      wait(1.5);
      const seen: (string | null)[] = [];
      for (let last = limit; last === limit; ) {
        const page = await email.readEvents({ jobId, offset: seen.length, limit });
        seen.push(...page.events.map(({ eventId }) => eventId));
        last = page.count;
        wait(0.05);
      }
      wait(3_600);
      const all = (await events(jobId)).map(({ eventId }) => eventId);
      expect(seen).toEqual(all.slice(0, seen.length));
      expect(all).toHaveLength(32 * 2 + 8 * 3);
    },
  );
});

describe('the seed', () => {
  it('decides alike in every run, whatever the order of the messages', () => {
    const plan = EMAIL_PLAN.parse({ mixed: true });
    const fates = (seed: number, names: readonly string[]) =>
      new Map(names.map((address) => [address, decideBehaviour(plan, seed, { address, earlier: 0 }).does]));
    const names = Array.from({ length: 200 }, (_, n) => `p${n}@example.com`);
    fc.assert(
      fc.property(fc.integer(), fc.shuffledSubarray(names, { minLength: 200 }), (seed, shuffled) => {
        expect(fates(seed, shuffled)).toEqual(fates(seed, names));
        expect(fates(seed + 1, names)).not.toEqual(fates(seed, names));
      }),
      { numRuns: 20 },
    );
  });

  it('mixed people do all sorts of things, most of them harmless', () => {
    const plan = EMAIL_PLAN.parse({ mixed: true });
    const counts = new Map<string, number>();
    for (let n = 0; n < 10_000; n += 1) {
      const { does } = decideBehaviour(plan, 1, { address: `p${n}@example.com`, earlier: 0 });
      counts.set(does, (counts.get(does) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([
      'auto_reply',
      'click',
      'complaint',
      'delivered',
      'hard',
      'machine',
      'open',
      'policy',
      'soft',
      'unsubscribe',
    ]);
    for (const [does, low, high] of [
      ['hard', 150, 250],
      ['delivered', 5_000, 6_500],
    ] as const) {
      expect(counts.get(does)).toBeGreaterThan(low);
      expect(counts.get(does)).toBeLessThan(high);
    }
  });

  it('jobs may end by probability, and their rules by their number', async () => {
    const run = async (seed: number) => {
      const { job, status, wait } = await start({
        seed,
        email: { jobs: [{ probability: 0.5, ends: 'failed' }] },
      });
      const ids: string[] = [];
      for (let n = 0; n < 20; n += 1) ids.push(await job([`p${n}`]));
      wait(60);
      return Promise.all(ids.map(status));
    };
    const first = await run(1);
    expect(new Set(first)).toEqual(new Set(['failed', 'completed']));
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
  });

  it.each([{ jobs: [{ ends: 'sent' }] }, { recipients: [{ address: '(' }] }, { recipient: [] }])(
    'a plan that cannot be is refused: %j',
    async (plan) => {
      const { admin } = await start();
      expect(String(await captureError(admin.setEmailPlan(plan as never)))).toContain('400');
      expect(await admin.emailPlan()).toEqual({ jobs: [], recipients: [], mixed: false });
    },
  );
});
