/** Which opens and clicks are those of people, and which of machines (docs/email-send-events.md#opens-and-clicks). Pure. */
import type { ReadEvent } from './events.ts';

/** So many different links of one message within BURST_MS are fetched by a scanner. Two may be two quick clicks. */
export const BURST_LINKS = 3;
export const BURST_MS = 1_000;
/** Nobody notices a message, opens it and clicks in less time after its delivery. */
export const SCAN_MS = 2_000;

/** How often. Together they are all events of the kind. */
export interface Engagement {
  readonly people: number;
  /** Flagged by the mail provider. */
  readonly machines: number;
  /** Not flagged, but in the manner of a scanner. */
  readonly suspected: number;
}

export function addEngagement(a: Engagement, b: Engagement): Engagement {
  return {
    people: a.people + b.people,
    machines: a.machines + b.machines,
    suspected: a.suspected + b.suspected,
  };
}

export interface ClickedLink {
  readonly url: string | null;
  /** ISO 8601, UTC; null: the event has no time that can be read. */
  readonly clickedAt: string | null;
}

export interface Engagements {
  readonly opens: Engagement;
  readonly clicks: Engagement;
  /** By a person. ISO 8601, UTC; null: never, or at a time that cannot be read. */
  readonly firstOpenAt: string | null;
  /** Every click of a person, in order. */
  readonly clickedLinks: readonly ClickedLink[];
}

type Actor = keyof Engagement;

/**
 * @param events of one message, each once, in any order
 * @param deliveredAt ISO 8601, UTC; null: unknown
 */
export function findEngagements(events: readonly ReadEvent[], deliveredAt: string | null): Engagements {
  const clicks = events.filter(({ reading }) => reading === 'click' || reading === 'machine_click');
  const opens = events.filter(({ reading }) => reading === 'open' || reading === 'machine_open');
  const bursts = findBursts(clicks);
  const delivered = Date.parse(deliveredAt ?? '');
  const actorOf = ({ reading, at }: ReadEvent): Actor => {
    if (reading === 'machine_open' || reading === 'machine_click') return 'machines';
    const time = Date.parse(at ?? '');
    // Comparisons with NaN are false: an event without a time is suspected of nothing.
    const isScan = time >= delivered && time < delivered + SCAN_MS;
    return isScan || isWithin(bursts, time) ? 'suspected' : 'people';
  };
  const byPeople = (event: ReadEvent): boolean => actorOf(event) === 'people';
  const openTimes = opens.filter(byPeople).flatMap(({ at }) => at ?? []);
  return {
    opens: count(opens.map(actorOf)),
    clicks: count(clicks.map(actorOf)),
    firstOpenAt: openTimes.toSorted()[0] ?? null,
    clickedLinks: clicks
      .filter(byPeople)
      .map(({ event, at }) => ({ url: event.linkUrl, clickedAt: at }))
      .toSorted((a, b) => compare(sortKey(a), sortKey(b))),
  };
}

function count(actors: readonly Actor[]): Engagement {
  const of = (actor: Actor) => actors.filter((each) => each === actor).length;
  return { people: of('people'), machines: of('machines'), suspected: of('suspected') };
}

/** Clicks without a time come last. */
const sortKey = ({ url, clickedAt }: ClickedLink): string => `${clickedAt ?? '~'} ${url ?? ''}`;

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** When bursts begin, in ms since 1970, ascending. Each lasts for BURST_MS. */
function findBursts(clicks: readonly ReadEvent[]): readonly number[] {
  const timed = clicks
    .map(({ event, at }) => ({ url: event.linkUrl, time: Date.parse(at ?? '') }))
    .filter(({ time }) => !Number.isNaN(time))
    .toSorted((a, b) => a.time - b.time);
  return timed
    .filter(({ time }, first) => {
      const links = new Set<string | null>();
      for (let at = first; (timed[at]?.time ?? Infinity) <= time + BURST_MS; at += 1)
        if (links.add(timed[at]?.url ?? null).size >= BURST_LINKS) return true;
      return false;
    })
    .map(({ time }) => time);
}

function isWithin(bursts: readonly number[], time: number): boolean {
  return bursts.some((start) => start <= time && time <= start + BURST_MS);
}
