/** A recipient who was sent a message more than once. */
import { describe, expect, it } from 'vitest';
import { combineAttempts } from '../../../src/domain/email-send/attempts.ts';
import { messageState } from '../../../src/domain/email-send/delivery.ts';
import { countMessage, deliveryFigures, NO_DELIVERY_COUNTS } from '../../../src/domain/email-send/figures.ts';
import { type EventLine, on, toEvent } from './event-lines.ts';

const message = (...lines: readonly EventLine[]) => countMessage(messageState(lines.map(toEvent)));
const soft = message({ type: 'bounce', status: '4.2.2' });
const hard = message({ type: 'bounce', status: '5.1.1' });
const delivered = message({ type: 'delivery', at: on('10:00:00') });
const inDoubt = { ...NO_DELIVERY_COUNTS, inDoubt: 1 };

describe('a recipient of several messages', () => {
  it.each([
    ['has the state of the last', [soft, hard], { bouncedTotal: 1, bounced: { hard: 1, soft: 0 } }],
    ['is waited for after a retry', [soft, message()], { accepted: 1 }],
    ['is in doubt if the last is', [soft, inDoubt], { inDoubt: 1 }],
    ['has received the second', [soft, delivered], { delivered: 1 }],
    ['has received the first, as is learned after the retry', [delivered, soft], { delivered: 1 }],
    ['has received the second, whatever is learned of the first', [hard, delivered], { delivered: 1 }],
  ])('%s, and counts once', (_, messages, expected) => {
    expect(deliveryFigures(combineAttempts(messages))).toMatchObject({ sent: 1, ...expected });
  });

  it('has complained about, unsubscribed from, opened and clicked any of them, once', () => {
    const first = message(
      { type: 'delivery' },
      { type: 'complaint', at: on('12:00:00') },
      { type: 'open', at: on('11:00:00') },
      { type: 'click', at: on('11:01:00'), link: 1 },
    );
    const second = message(
      { type: 'delivery' },
      { type: 'complaint' },
      { type: 'unsubscribe' },
      { type: 'open', at: on('10:30:00') },
    );
    expect(deliveryFigures(combineAttempts([first, second]))).toMatchObject({
      delivered: 1,
      complained: 1,
      unsubscribed: 1,
      ofDelivered: { opened: 1, clicked: 1, complained: 1, unsubscribed: 1 },
      opens: { people: 2 },
      rates: { complaint: 100, unsubscribe: 100, open: 100, click: 100 },
    });
  });

  it('has complained, but counts for no rate, if none was delivered', () => {
    expect(deliveryFigures(combineAttempts([{ ...soft, complained: 1 }, hard]))).toMatchObject({
      complained: 1,
      ofDelivered: { complained: 0 },
      rates: { complaint: null },
    });
  });

  it('is like the message itself if there was only one', () => {
    for (const each of [soft, hard, delivered]) expect(combineAttempts([each])).toEqual(each);
    expect(() => combineAttempts([])).toThrow(RangeError);
  });
});
