/** What an event is, and when two are the same. */
import { describe, expect, it } from 'vitest';
import { type EmailEvent, eventKey, kindOf } from '../../../src/domain/email-send/events.ts';
import { type EventLine, on, toEvent } from './event-lines.ts';

describe('the kind of an event', () => {
  it('is known by its short and its long name, however it is written', () => {
    expect(['delivered', 'Delivery', ' BOUNCED ', 'open', 'auto-reply', 'Auto Reply'].map(kindOf)).toEqual([
      ...['delivery', 'delivery', 'bounce', 'open', 'auto_reply', 'auto_reply'],
    ]);
    expect(['', 'constructor', 'rendered'].map(kindOf)).toEqual(['unknown', 'unknown', 'unknown']);
  });
});

describe('the key of an event', () => {
  const base = { type: 'click', at: on('10:00:00'), link: 1 };
  const keyOf = (line: EventLine, more: Partial<EmailEvent> = {}) => eventKey({ ...toEvent(line), ...more });

  it('is its id and what it is read as, whatever else the event says', () => {
    expect(keyOf({ ...base, id: 'x' })).toBe(keyOf({ type: 'clicked', id: ' x ', messageId: 'm-2' }));
    expect(keyOf({ ...base, id: 'x' })).not.toBe(keyOf({ ...base, type: 'open', id: 'x' }));
    expect(keyOf({ ...base, id: ' ' })).toBe(keyOf(base));
  });

  it('is without an id what it is read as, message, recipient, time and link', () => {
    expect(keyOf({ ...base, type: 'clicked', at: '2026-11-28T11:00:00.000+01:00' })).toBe(keyOf(base));
    const others = [
      keyOf({ ...base, type: 'open' }),
      keyOf({ ...base, messageId: 'm-2' }),
      keyOf(base, { recipientId: 'r-1' }),
      keyOf({ ...base, at: on('10:00:01') }),
      keyOf({ ...base, link: 2 }),
      keyOf({ ...base, type: 'new' }),
      keyOf({ ...base, type: 'newer' }),
    ];
    expect(new Set([keyOf(base), ...others]).size).toBe(others.length + 1);
  });

  it('has the address only if nothing else says whose event it is', () => {
    const [a, b] = ['a@example.com', 'b@example.com'];
    expect(keyOf(base, { emailAddress: a })).toBe(keyOf(base, { emailAddress: b }));
    const nobody = { messageId: null, recipientId: null };
    expect(keyOf(base, { ...nobody, emailAddress: a })).not.toBe(keyOf(base, { ...nobody, emailAddress: b }));
  });
});
