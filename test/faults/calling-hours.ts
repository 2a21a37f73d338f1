/** Calling hours that begin while a test waits for them. */
import type { ListLoadInput } from '../../src/contract/list-load.ts';

const MINUTE_MS = 60_000;

/** The beginning of a minute, half a minute to one and a half from now. */
export const nextMinute = (): number => Math.ceil((Date.now() + MINUTE_MS / 2) / MINUTE_MS) * MINUTE_MS;

/** A zone where the day neither ends nor begins within the next hour, and the time that its clocks show at a moment. */
export function findZone(now: number): { zone: string; timeAt: (moment: number) => string } {
  const zones = ['America/New_York', 'Asia/Tokyo'].map((zone) => {
    const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, timeStyle: 'short' });
    return { zone, timeAt: (moment: number) => format.format(moment) };
  });
  const found = zones.find(({ timeAt }) => timeAt(now) > '01:00' && timeAt(now) < '22:00');
  if (!found) throw new Error('it is night everywhere');
  return found;
}

/** People in California may be called from a time on, everybody else always. */
export function hoursFrom(time: string): NonNullable<ListLoadInput['callingHours']> {
  const entry = { effective: '2000-01-01', source: 'test' };
  return {
    defaultRegion: 'US',
    regions: [
      { ...entry, region: 'US', windows: [{ from: '00:00', to: '24:00' }] },
      { ...entry, region: 'US-CA', windows: [{ from: time, to: '24:00' }] },
    ],
  };
}
