/** Every change of the clocks from 2026 to 2040, by what `Intl` shows and by nothing that the code under test uses. */
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
export const START = Date.UTC(2026, 0, 1);
export const END = Date.UTC(2041, 0, 1);

/** The clock of a zone as `Intl` shows it, as if it were UTC: ms since 1970. */
export function createClock(zone: string): (moment: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  return (moment) => {
    const seconds = Date.parse(`${format.format(moment).replace(' ', 'T')}Z`);
    return seconds + (((moment % 1000) + 1000) % 1000);
  };
}

export interface Transition {
  readonly zone: string;
  /** In ms since 1970, to the minute. */
  readonly moment: number;
  /** Offsets of the clock to UTC in ms, until this moment and from it on. */
  readonly before: number;
  readonly after: number;
}

/** No two changes of a zone are within a week. */
export function findTransitions(zone: string): readonly Transition[] {
  const clock = createClock(zone);
  const offset = (moment: number) => clock(moment) - moment;
  const found: Transition[] = [];
  for (let week = START; week < END; week += 7 * DAY) {
    const [before, after] = [offset(week), offset(week + 7 * DAY)];
    if (before === after) continue;
    let [low, high] = [week, week + 7 * DAY];
    while (high - low > MINUTE) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE) * MINUTE;
      if (offset(middle) === before) low = middle;
      else high = middle;
    }
    found.push({ zone, moment: high, before, after });
  }
  return found;
}
