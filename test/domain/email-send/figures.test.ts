/** Figures that add up, and rates with the right denominator. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOUNCE_CLASSES } from '../../../src/domain/email-send/bounces.ts';
import { messageState } from '../../../src/domain/email-send/delivery.ts';
import {
  addDeliveryCounts,
  countMessage,
  DELIVERY_RATES,
  type DeliveryCounts,
  type DeliveryFigures,
  deliveryFigures,
  NO_DELIVERY_COUNTS,
} from '../../../src/domain/email-send/figures.ts';
import { type EventLine, on, toEvent } from './event-lines.ts';

const countAll = (messages: readonly (readonly EventLine[])[]): DeliveryCounts =>
  messages
    .map((lines) => countMessage(messageState(lines.map(toEvent))))
    .reduce(addDeliveryCounts, NO_DELIVERY_COUNTS);

const partsOf = ({ delivered, bouncedTotal, failed, accepted, inDoubt }: DeliveryFigures) =>
  delivered + bouncedTotal + failed + accepted + inDoubt;

describe('the figures of five messages', () => {
  const delivered = { type: 'delivered' };
  const figures = deliveryFigures(
    countAll([
      [delivered],
      [delivered],
      [delivered],
      [{ type: 'bounced', status: '5.1.1' }],
      [{ type: 'deferred' }],
    ]),
  );

  it('are 5 sent = 3 delivered + 1 bounced + 1 of which nobody knows more', () => {
    expect(figures).toMatchObject({
      ...{ sent: 5, delivered: 3, bouncedTotal: 1, accepted: 1, deferred: 1, failed: 0, inDoubt: 0 },
      bounced: { hard: 1, soft: 0, policy: 0, unknown: 0 },
    });
  });

  it('have the bounce rate of those sent, and the open rate of those delivered', () => {
    expect(figures.rates).toEqual({
      ...{ delivery: 60, bounce: 20, hardBounce: 20, softBounce: 0, policyBounce: 0, unknownBounce: 0 },
      ...{ failure: 0, open: 0, click: 0, complaint: 0, unsubscribe: 0 },
    });
  });
});

describe('rates', () => {
  it('are missing where there is nothing to divide by', () => {
    const { rates } = deliveryFigures(NO_DELIVERY_COUNTS);
    expect(Object.values(rates).every((rate) => rate === null)).toBe(true);
    expect(Object.keys(rates)).toEqual(Object.keys(DELIVERY_RATES));
  });

  it('count people, not how often they open, and only what was delivered', () => {
    const opened = ['10:10', '10:20', '10:30'].map((time) => ({ type: 'open', at: on(`${time}:00`) }));
    const bounced = [{ type: 'bounce', status: '5.1.1' }, { type: 'complaint' }, ...opened];
    const { rates, opens, complained } = deliveryFigures(countAll([opened, [{ type: 'delivery' }], bounced]));
    expect(rates).toMatchObject({ open: 50, complaint: 0 });
    expect([opens.people, complained]).toEqual([6, 1]);
  });

  it('include a click without an open', () => {
    const clicked = [{ type: 'click', at: on('10:10:00') }];
    expect(deliveryFigures(countAll([clicked])).rates).toMatchObject({ open: 0, click: 100 });
  });
});

const line: fc.Arbitrary<EventLine> = fc.record({
  id: fc.uuid(),
  type: fc.constantFrom('delivery', 'bounce', 'deferred', 'open', 'click', 'complaint', 'unsubscribe', 'new'),
  status: fc.constantFrom('5.1.1', '4.2.2', '5.7.1', '?'),
});
const message = fc
  .tuple(fc.array(line, { maxLength: 6 }), fc.constantFrom(null, 'failed' as const, 'cancelled' as const))
  .map(([lines, job]) => countMessage(messageState(lines.map(toEvent), job)));
const counts = fc
  .tuple(fc.array(message, { maxLength: 20 }), fc.nat(5))
  .map(([all, inDoubt]) => all.reduce(addDeliveryCounts, { ...NO_DELIVERY_COUNTS, inDoubt }));

describe('the figures of any messages', () => {
  it('add up: sent is the number of messages and the sum of its parts', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), fc.nat(5), (all, inDoubt) => {
        const figures = deliveryFigures(all.reduce(addDeliveryCounts, { ...NO_DELIVERY_COUNTS, inDoubt }));
        expect(figures.sent).toBe(all.length + inDoubt);
        expect(partsOf(figures)).toBe(figures.sent);
        expect(BOUNCE_CLASSES.reduce((sum, each) => sum + figures.bounced[each], 0)).toBe(
          figures.bouncedTotal,
        );
      }),
    );
  });

  it('have no rate above 100 %', () => {
    fc.assert(
      fc.property(counts, (all) => {
        for (const rate of Object.values(deliveryFigures(all).rates)) {
          expect(rate ?? 0).toBeGreaterThanOrEqual(0);
          expect(rate ?? 0).toBeLessThanOrEqual(100);
        }
      }),
    );
  });

  it('do not depend on how the messages are grouped', () => {
    fc.assert(
      fc.property(counts, counts, counts, (a, b, c) => {
        expect(addDeliveryCounts(addDeliveryCounts(a, b), c)).toEqual(
          addDeliveryCounts(a, addDeliveryCounts(c, b)),
        );
        expect(addDeliveryCounts(a, NO_DELIVERY_COUNTS)).toEqual(a);
      }),
    );
  });
});
