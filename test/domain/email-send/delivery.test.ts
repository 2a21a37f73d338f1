/** What became of a message: whatever the order of its events, and however often each was received. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageState } from '../../../src/domain/email-send/delivery.ts';
import { type EmailEvent, eventKey } from '../../../src/domain/email-send/events.ts';
import {
  addDeliveryCounts,
  countMessage,
  NO_DELIVERY_COUNTS,
} from '../../../src/domain/email-send/figures.ts';
import { type EventLine, on, toEvent } from './event-lines.ts';

const stateOf = (...lines: readonly EventLine[]) => messageState(lines.map(toEvent));

function permutations<T>(all: readonly T[]): T[][] {
  if (all.length <= 1) return [[...all]];
  return all.flatMap((each, i) => permutations(all.toSpliced(i, 1)).map((rest) => [each, ...rest]));
}

describe('events twice and out of order', () => {
  const lines: readonly EventLine[] = [
    { id: 'e1', messageId: 'm-1', type: 'complained', at: on('10:05:00') },
    { id: 'e2', messageId: 'm-1', type: 'delivered', at: on('10:00:00') },
    { id: 'e3', messageId: 'm-2', type: 'bounced', status: '5.1.1', at: on('10:02:00') },
    { id: 'e4', messageId: 'm-2', type: 'deferred', at: on('10:01:00') },
    { id: 'e5', messageId: 'm-3', type: 'deferred', at: on('10:01:00') },
    { id: 'e6', messageId: 'm-3', type: 'delivered', at: on('10:09:00') },
    { id: 'e7', messageId: 'm-0', type: 'bounced', status: '5.1.1', at: on('10:10:00') },
    { id: 'e8', messageId: 'm-4', type: 'opened', at: on('10:11:00') },
    { id: 'e8', messageId: 'm-4', type: 'opened', at: on('10:11:00') },
    { id: 'e8', messageId: 'm-4', type: 'opened', at: on('10:11:00') },
    { id: 'e9', messageId: 'm-4', type: 'clicked', at: on('10:12:00') },
    { id: 'e9', messageId: 'm-4', type: 'clicked', at: on('10:12:00') },
    { id: 'e9', messageId: 'm-4', type: 'clicked', at: on('10:12:00') },
    { id: 'e10', messageId: 'm-4', type: 'delivered', at: on('10:00:30') },
    { id: 'e11', messageId: 'm-5', type: 'opened', at: on('10:00:10') },
    { id: 'e12', messageId: 'm-5', type: 'delivered', at: on('10:00:20') },
  ];
  const statesOf = (events: readonly EventLine[]) =>
    [1, 2, 3, 4, 5].map((n) => stateOf(...events.filter(({ messageId }) => messageId === `m-${n}`)));

  it('lead to the states that the people are really in', () => {
    expect(statesOf(lines)).toMatchObject([
      { state: 'delivered', complained: true, complainedAt: '2026-11-28T10:05:00.000Z' },
      { state: 'bounced', bounceClass: 'hard', bounceCode: '5.1.1', deferred: true },
      { state: 'delivered', deferred: true, bounceClass: null },
      { state: 'delivered', opens: { people: 1 }, clicks: { people: 1 }, events: 3 },
      { state: 'delivered', opens: { people: 1 }, firstOpenAt: '2026-11-28T10:00:10.000Z' },
    ]);
  });

  it('count each message once: delivered 3 and 1 that was complained about, bounced 1', () => {
    const counts = statesOf(lines).map(countMessage).reduce(addDeliveryCounts, NO_DELIVERY_COUNTS);
    expect(counts).toMatchObject({ delivered: 4, ofDelivered: { complained: 1 }, bounced: { hard: 1 } });
  });

  it('end in the same states in all 24 orders of the first four', () => {
    const orders = permutations(lines.slice(0, 4));
    expect(orders).toHaveLength(24);
    for (const order of orders) expect(statesOf([...order, ...lines.slice(4)])).toEqual(statesOf(lines));
  });
});

describe('every pair of events', () => {
  const events = {
    hard: { type: 'bounce', status: '5.1.1' },
    policy: { type: 'bounce', status: '5.7.1' },
    delivery: { type: 'delivery', at: on('10:00:00') },
    open: { type: 'open', at: on('10:10:00') },
    click: { type: 'click', at: on('10:11:00'), link: 1 },
    complaint: { type: 'complaint' },
    'complaint as a bounce': { type: 'bounce', label: 'Complaint' },
    unsubscribe: { type: 'unsubscribe' },
    soft: { type: 'bounce', status: '4.2.2' },
    unknown: { type: 'bounce', status: '?' },
    deferral: { type: 'deferred' },
    'auto-reply': { type: 'auto_reply' },
    'auto-reply as a bounce': { type: 'bounce', label: 'AutoReply' },
    'machine open': { type: 'open', machine: true },
    visit: { type: 'unsubscribe', method: 'GET' },
    other: { type: 'brand_new' },
  } satisfies Record<string, EventLine>;
  type Name = keyof typeof events;
  /** In the order of the table of states: the earlier one decides. */
  const alone: Readonly<Record<Name, string>> = {
    hard: 'bounced hard',
    policy: 'bounced policy',
    delivery: 'delivered',
    open: 'delivered',
    click: 'delivered',
    complaint: 'delivered',
    'complaint as a bounce': 'delivered',
    unsubscribe: 'delivered',
    soft: 'bounced soft',
    unknown: 'bounced unknown',
    deferral: 'accepted',
    'auto-reply': 'accepted',
    'auto-reply as a bounce': 'accepted',
    'machine open': 'accepted',
    visit: 'accepted',
    other: 'accepted',
  };
  const names = Object.keys(events) as Name[];
  const describeState = (...lines: readonly EventLine[]) => {
    const { state, bounceClass } = stateOf(...lines);
    return bounceClass ? `${state} ${bounceClass}` : state;
  };

  it.each(names.map((name) => [name, alone[name]] as const))('%s alone: %s', (name, state) => {
    expect(describeState(events[name])).toBe(state);
  });

  it('is decided by the one that the table of states names first', () => {
    for (const [i, first] of names.entries())
      for (const second of names.slice(i + 1)) {
        const expected = { first, second, state: alone[first] };
        expect({ first, second, state: describeState(events[first], events[second]) }).toEqual(expected);
        expect({ first, second, state: describeState(events[second], events[first]) }).toEqual(expected);
      }
  });

  it('keeps complaints and unsubscriptions', () => {
    for (const name of names) {
      expect(stateOf(events[name], events.complaint).complained).toBe(true);
      expect(stateOf(events.unsubscribe, events[name]).unsubscribed).toBe(true);
    }
  });
});

describe('a message without an event', () => {
  it('is accepted, or failed if its job did not end well', () => {
    expect(messageState([])).toMatchObject({ state: 'accepted', failure: null, events: 0 });
    expect(messageState([], 'failed')).toMatchObject({ state: 'failed', failure: 'job_failed' });
    expect(messageState([], 'cancelled')).toMatchObject({ state: 'failed', failure: 'job_cancelled' });
  });

  it('has none if it has only events of types that nobody knows', () => {
    const other = toEvent({ type: 'brand_new' });
    expect(messageState([other], 'failed')).toMatchObject({ state: 'failed', unknownEvents: 1 });
    const deferred = toEvent({ type: 'deferred' });
    expect(messageState([deferred], 'failed')).toMatchObject({ state: 'accepted', failure: null });
  });
});

describe('the bounce that is shown', () => {
  it('is the earliest of the class that decides', () => {
    const late = { type: 'bounce', status: '5.1.2', at: on('11:00:00'), diagnostic: 'late' };
    const early = { type: 'bounce', status: '5.1.1', at: on('10:00:00'), diagnostic: 'early' };
    const soft = { type: 'bounce', status: '4.1.1', at: on('09:00:00') };
    for (const order of permutations([late, early, soft]))
      expect(stateOf(...order)).toMatchObject({
        bounceClass: 'hard',
        bounceCode: '5.1.1',
        bounceDescription: 'early',
        bouncedAt: '2026-11-28T10:00:00.000Z',
      });
  });
});

const event: fc.Arbitrary<EmailEvent> = fc
  .record({
    type: fc.constantFrom(
      ...[
        'delivered',
        'bounce',
        'deferred',
        'open',
        'click',
        'complaint',
        'unsubscribe',
        'auto_reply',
        'new',
      ],
    ),
    id: fc.option(fc.constantFrom('1', '2', '3', '4', ' '), { nil: undefined, freq: 1 }),
    at: fc.constantFrom(on('10:00:00'), on('10:00:01'), on('10:00:01.500'), '2026-11-28', 'soon', undefined),
    status: fc.constantFrom('5.1.1', '4.2.2', '5.7.1', '550', '?', undefined),
    label: fc.constantFrom('Complaint', 'Transient', undefined),
    link: fc.option(fc.nat(4), { nil: undefined }),
    method: fc.constantFrom('GET', 'POST', undefined),
    machine: fc.option(fc.boolean(), { nil: undefined }),
  })
  .map((line) =>
    toEvent(
      Object.fromEntries(
        Object.entries(line).filter(([, value]) => value !== undefined),
      ) as unknown as EventLine,
    ),
  );
const events = fc.array(event, { maxLength: 12 });

describe('the state of a message', () => {
  it('does not depend on the order of its events', () => {
    fc.assert(
      fc.property(
        events.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        ([all, shuffled]) => {
          expect(messageState(shuffled)).toEqual(messageState(all));
        },
      ),
    );
  });

  it('does not depend on it even where the provider changes an event under the same id', () => {
    const changed = [
      { type: 'delivery', id: '1', at: on('10:00:00') },
      { type: 'delivery', id: '1', at: on('11:00:00') },
      { type: 'click', id: '2', at: on('12:00:00'), link: 1 },
      { type: 'click', id: '2', at: on('12:00:00'), link: 2 },
      { type: 'bounce', id: '3', status: '4.2.2', diagnostic: 'full' },
      { type: 'bounce', id: '3', status: '4.2.1', diagnostic: 'busy' },
    ];
    const [first, ...others] = permutations(changed).map((each) => stateOf(...each));
    expect(first).toMatchObject({ state: 'delivered', clicks: { people: 1 }, events: 3 });
    for (const other of others) expect(other).toEqual(first);
  });

  it('does not change if any of them is received again', () => {
    fc.assert(
      fc.property(
        events.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all))),
        ([all, again]) => {
          expect(messageState([...again, ...all, ...again])).toEqual(messageState(all));
        },
      ),
    );
  });

  it('loses no complaint, no unsubscription and no permanent bounce to a later event', () => {
    fc.assert(
      fc.property(events, events, (before, after) => {
        // Events with an id of their own, because two contents under one id are one event.
        const own = (prefix: string) => (each: EmailEvent, i: number) => ({
          ...each,
          eventId: `${prefix}${i}`,
        });
        const [early, late] = [before.map(own('a')), after.map(own('b'))];
        const [first, all] = [messageState(early), messageState([...early, ...late])];
        expect(all.complained || !first.complained).toBe(true);
        expect(all.unsubscribed || !first.unsubscribed).toBe(true);
        if (first.bounceClass === 'hard') expect(all.bounceClass).toBe('hard');
        if (first.bounceClass === 'policy') expect(['hard', 'policy']).toContain(all.bounceClass);
        // Not delivered: a delivery that comes late makes a click of the same second suspicious.
        if (first.deliveredAt !== null && first.state === 'delivered')
          expect(['delivered', 'bounced']).toContain(all.state);
      }),
    );
  });

  it('accounts for every event', () => {
    fc.assert(
      fc.property(events, (all) => {
        const { opens, clicks, events: distinct } = messageState(all);
        const ids = new Map(all.map((each) => [eventKey(each), each]));
        expect(distinct).toBe(ids.size);
        const sum = (...parts: readonly (typeof opens)[]) =>
          parts.reduce((total, each) => total + each.people + each.machines + each.suspected, 0);
        expect(sum(opens, clicks)).toBeLessThanOrEqual(distinct);
      }),
    );
  });
});
