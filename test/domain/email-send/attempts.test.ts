/** A recipient who was sent a message more than once. */
import { describe, expect, it } from 'vitest';
import { combineAttempts } from '../../../src/domain/email-send/attempts.ts';
import { messageState } from '../../../src/domain/email-send/delivery.ts';
import { type EventLine, on, toEvent } from './event-lines.ts';

const message = (...lines: readonly EventLine[]) => messageState(lines.map(toEvent));
const soft = message({ type: 'bounce', status: '4.2.2' });
const hard = message({ type: 'bounce', status: '5.1.1' });
const delivered = message({ type: 'delivery', at: on('10:00:00') });

describe('a recipient of several messages', () => {
  it.each([
    ['has the state of the last', [soft, hard], { state: 'bounced', bounceClass: 'hard' }],
    ['is waited for after a retry', [soft, message()], { state: 'accepted', bounceClass: null }],
    ['has received the second', [soft, delivered], { state: 'delivered', bounceClass: null }],
    ['has received the first, as is learned after the retry', [delivered, soft], { state: 'delivered' }],
    ['has received the second, whatever is learned of the first', [hard, delivered], { state: 'delivered' }],
  ])('%s', (_, messages, expected) => {
    expect(combineAttempts(messages)).toMatchObject(expected);
  });

  it('has complained about, unsubscribed from, opened and clicked any of them', () => {
    const first = message(
      { type: 'complaint', at: on('12:00:00') },
      { type: 'open', at: on('11:00:00') },
      { type: 'click', at: on('11:01:00'), link: 1 },
    );
    const second = message({ type: 'unsubscribe' }, { type: 'open', at: on('10:30:00') });
    expect(combineAttempts([first, second])).toMatchObject({
      complained: true,
      complainedAt: '2026-11-28T12:00:00.000Z',
      unsubscribed: true,
      opens: { people: 2 },
      firstOpenAt: '2026-11-28T10:30:00.000Z',
      clickedLinks: [{ url: 'https://example.com/1' }],
      events: 5,
    });
  });

  it('is like the message itself if there was only one', () => {
    for (const each of [soft, hard, delivered]) expect(combineAttempts([each])).toEqual(each);
    expect(() => combineAttempts([])).toThrow(RangeError);
  });
});
