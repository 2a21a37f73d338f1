/** Calling hours around every change of the clocks of every time zone until 2040, compared with what `Intl` shows. */
import { beforeAll, describe, expect, it } from 'vitest';
import { findFirstMoment } from '../../../src/domain/list-load/callable.ts';
import type { CallingHours } from '../../../src/domain/list-load/calling-hours.ts';
import { readWallClock } from '../../../src/domain/time-zones.ts';
import { createClock, END, findTransitions, START, type Transition } from '../clocks.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ZONES = Intl.supportedValuesOf('timeZone');

const toTime = (ms: number) => {
  const minutes = Math.floor((ms % DAY) / MINUTE);
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
};

/** A daily window, by the clock, around what the clock shows at one moment; it may end at midnight but not pass it. */
function around(shown: number, minutes: number): CallingHours {
  const start = Math.min(((shown % DAY) + DAY) % DAY, DAY - 2 * minutes * MINUTE);
  const from = Math.max(start - minutes * MINUTE, 0);
  const to = from + 2 * minutes * MINUTE;
  const windows = [{ from: toTime(from), to: to >= DAY ? '24:00' : toTime(to) }];
  return {
    defaultRegion: 'US',
    regions: [{ region: 'US', effective: '2000-01-01', source: 'test', windows }],
  };
}

/** The first moment in a window, by looking at a clock every quarter of an hour and at the change of the clocks. */
function searchFirst(hours: CallingHours, { zone, moment: transition }: Transition, now: number): number {
  const clock = createClock(zone);
  const [{ from, to }] = hours.regions[0]?.windows as [{ from: string; to: string }];
  const isOpen = (moment: number) => {
    const time = toTime(clock(moment));
    return from <= time && time < to;
  };
  let moment = now;
  while (!isOpen(moment)) {
    const next = moment + 15 * MINUTE - (moment % (15 * MINUTE));
    moment = moment < transition && transition < next ? transition : next;
    if (moment > now + 3 * DAY)
      throw new Error(`nothing found in ${zone} from ${new Date(now).toISOString()}`);
  }
  return moment;
}

describe('every change of the clocks until 2040', () => {
  let transitions: readonly Transition[] = [];
  beforeAll(() => {
    transitions = ZONES.flatMap(findTransitions);
  }, 120_000);

  it('is known', () => {
    expect(transitions.length).toBeGreaterThan(3_000);
    for (const { zone, moment, before, after } of transitions) {
      const previous = readWallClock(zone, moment - DAY);
      expect([zone, previous.nextTransition]).toEqual([zone, moment]);
      expect(readShown(zone, moment - 1) - moment + 1).toBe(before);
      expect(readShown(zone, moment) - moment).toBe(after);
    }
    // And there are no others.
    for (const zone of ZONES) {
      const found = [];
      for (let next = readWallClock(zone, START).nextTransition; next < END; )
        next = readWallClock(zone, found[found.push(next) - 1] ?? END).nextTransition;
      expect([zone, found]).toEqual([
        zone,
        transitions.filter((each) => each.zone === zone).map(({ moment }) => moment),
      ]);
    }
  });

  it('leaves people callable exactly while the clock shows a permitted time', () => {
    // Zones that change their clocks alike need to be searched once.
    const searched = new Map<string, number>();
    for (const transition of transitions) {
      const { zone, moment, before, after } = transition;
      const middle = moment + (before + after) / 2;
      const windows = [
        around(moment + after, 30),
        around(moment + before, 15),
        around(middle, 15),
        around(8 * HOUR, 60),
      ];
      for (const now of [-90 * MINUTE, -1, 0, 20 * MINUTE, 100 * MINUTE].map((each) => moment + each)) {
        for (const hours of windows) {
          const key = [moment, before, after, now, JSON.stringify(hours)].join();
          const expected = searched.get(key) ?? searchFirst(hours, transition, now);
          searched.set(key, expected);
          const found = findFirstMoment(hours, { zones: [zone], regions: [] }, now);
          if (found !== expected)
            expect({ ...transition, now, hours, found }).toEqual({
              ...transition,
              now,
              hours,
              found: expected,
            });
        }
      }
    }
  }, 120_000);
});

function readShown(zone: string, moment: number): number {
  const { date, msOfDay } = readWallClock(zone, moment);
  return Date.parse(date) + msOfDay;
}
