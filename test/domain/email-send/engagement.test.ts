/** Machines fetch every link of a message. They are neither readers nor do they unsubscribe anybody. */
import { describe, expect, it } from 'vitest';
import { messageState } from '../../../src/domain/email-send/delivery.ts';
import { addDeliveryCounts, countMessage } from '../../../src/domain/email-send/figures.ts';
import { type EventLine, on, toEvent } from './event-lines.ts';

const stateOf = (...lines: readonly EventLine[]) => messageState(lines.map(toEvent));

describe('scanners', () => {
  const burst = (time: string, links: number) =>
    Array.from({ length: links }, (_, i) => ({ type: 'clicked', link: i + 1, at: on(time) }));

  it('neither open nor click, and a GET of the unsubscribe link unsubscribes nobody', () => {
    const messages = [
      stateOf({ type: 'opened', machine: true, at: on('10:00:01') }),
      stateOf(...burst('10:00:02', 6)),
      stateOf({ type: 'unsubscribe', method: 'GET', at: on('10:00:03') }),
      stateOf({ type: 'unsubscribe', method: 'POST', at: on('11:00:00') }),
      stateOf({ type: 'opened', at: on('10:40:00') }, { type: 'clicked', link: 2, at: on('10:40:09') }),
    ];
    expect(messages.map(countMessage).reduce(addDeliveryCounts)).toMatchObject({
      opens: { people: 1, machines: 1, suspected: 0 },
      clicks: { people: 1, machines: 0, suspected: 6 },
      unsubscribed: 1,
      unsubscribeVisits: 1,
    });
    expect(messages[4]?.clickedLinks).toEqual([
      { url: 'https://example.com/2', clickedAt: '2026-11-28T10:40:09.000Z' },
    ]);
  });

  it('are recognised by three links within a second, wherever it begins, and open the message meanwhile', () => {
    const clicks = ['10:00:10.900', '10:00:11.300', '10:00:11.800'].map((time, i) => ({
      type: 'click',
      link: i,
      at: on(time),
    }));
    const opened = { type: 'open', at: on('10:00:11.000') };
    expect(stateOf(...clicks, opened)).toMatchObject({
      clicks: { people: 0, suspected: 3 },
      opens: { people: 0, suspected: 1 },
    });
    const later = { type: 'click', link: 9, at: on('10:30:00') };
    expect(stateOf(...clicks, later)).toMatchObject({ clicks: { people: 1, suspected: 3 } });
  });

  it('are not suspected of two quick clicks, or of one link many times', () => {
    expect(stateOf(...burst('10:00:02', 2)).clicks).toEqual({ people: 2, machines: 0, suspected: 0 });
    const again = ['10', '11', '12', '13'].map((ms) => ({
      type: 'click',
      link: 1,
      at: on(`10:00:02.${ms}`),
    }));
    expect(stateOf(...again).clicks.people).toBe(4);
  });

  it('are suspected of what happens less than two seconds after the delivery, not of what happens before it', () => {
    const delivered = { type: 'delivery', at: on('10:00:05') };
    const clickAt = (time: string) => stateOf(delivered, { type: 'click', at: on(time) }).clicks;
    expect(['10:00:04', '10:00:05', '10:00:06.999', '10:00:07'].map((time) => clickAt(time).people)).toEqual([
      1, 0, 0, 1,
    ]);
  });

  it('prove no delivery', () => {
    expect(stateOf(...burst('10:00:02', 6)).state).toBe('accepted');
    expect(stateOf({ type: 'open', machine: true }, { type: 'bounce', status: '4.2.1' }).state).toBe(
      'bounced',
    );
  });
});

describe('unsubscriptions', () => {
  it.each([
    [{ method: 'POST' }, true],
    [{ method: ' post ', machine: true }, true],
    [{}, true],
    [{ machine: false }, true],
    [{ machine: true }, false],
    [{ method: 'GET' }, false],
    [{ method: 'get', machine: false }, false],
    [{ method: 'HEAD' }, false],
  ])('%j: %s', (fields, unsubscribed) => {
    expect(stateOf({ type: 'unsubscribe', ...fields })).toMatchObject({
      unsubscribed,
      unsubscribeVisits: Number(!unsubscribed),
    });
  });
});
