/**
 * What a seed does to an import: the same for the same seed, on every machine. What comes of it may differ, for
 * processors and networks keep no seed; the conservation check must hold all the same.
 */
import type { FaultRule } from '../../src/simulator/faults.ts';
import { mulberry32 } from '../../src/simulator/random.ts';

export type ChaosEvent = {
  /** Share of the records that CXone holds by then, 0 to 1; or as soon as that has taken too long. */
  readonly at: number;
} & (
  | { readonly what: 'kill worker' | 'end worker'; readonly worker: number; readonly awayMs: number }
  | { readonly what: 'stop worker'; readonly worker: number; readonly awayMs: number }
  | { readonly what: 'kill Temporal' | 'kill PostgreSQL' | 'kill CXone'; readonly awayMs: number }
  | { readonly what: 'pause'; readonly awayMs: number }
  | { readonly what: 'revoke tokens' | 'start again' | 'cancel' }
);

export interface ChaosPlan {
  readonly seed: number;
  readonly rows: { readonly valid: number; readonly invalid: number; readonly duplicate: number };
  /** Contacts that CXone has before. */
  readonly known: number;
  readonly existing: 'skip' | 'update';
  readonly workers: number;
  readonly inFlight: number;
  readonly latencyMs: number;
  /** 0: unlimited. */
  readonly ratePerMinute: number;
  /** Does CXone name the records that it refuses? Does it create the others? */
  readonly naming: 'all' | 'none';
  readonly atomic: boolean;
  readonly faults: readonly FaultRule[];
  readonly events: readonly ChaosEvent[];
}

interface Dice {
  /** A whole number, both ends included. */
  readonly between: (least: number, most: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly pick: <T>(from: readonly T[]) => T;
}

function diceOf(seed: number): Dice {
  // Neighbours begin alike without this.
  const random = mulberry32(Math.imul(seed + 1, 0x9e3779b1));
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  return {
    between,
    chance: (probability) => random() < probability,
    pick: (from) => from[between(0, from.length - 1)] as (typeof from)[number],
  };
}

export function planOf(seed: number): ChaosPlan {
  const dice = diceOf(seed);
  const valid = dice.between(1_000, 5_000);
  const workers = dice.between(1, 3);
  return {
    seed,
    rows: { valid, invalid: dice.between(0, 40), duplicate: dice.between(0, 40) },
    known: dice.chance(0.5) ? dice.between(1, 60) : 0,
    existing: dice.pick(['skip', 'update']),
    workers,
    inFlight: dice.between(1, 6),
    latencyMs: dice.between(20, 250),
    ratePerMinute: dice.chance(0.25) ? dice.between(600, 3_000) : 0,
    naming: dice.chance(0.2) ? 'none' : 'all',
    atomic: !dice.chance(0.2),
    faults: faultsOf(dice),
    events: eventsOf(dice, workers),
  };
}

const POSTS = { method: 'POST', family: 'contactlists' } as const;
const RECORDS = { family: 'contactlists' } as const;

/** Silences cost a deadline of 15 s each: few. */
const SILENT: readonly FaultRule['fault'][] = [
  { answerLost: true },
  { hang: true },
  { drip: 'body' },
  { drip: 'headers' },
];
const LOUD: readonly FaultRule['fault'][] = [
  { reset: 'after' },
  { reset: 'before' },
  { status: 503 },
  { status: 503, when: 'after' },
  { status: 502, html: true, when: 'after' },
  { html: true },
  { html: true, when: 'after' },
  { truncate: true },
  { truncate: 'cut' },
  { raw: '' },
  { raw: '{"recordsCreated": NaN}', when: 'after' },
];
const PARTIAL: readonly FaultRule['fault'][] = [{ dropRecords: 3 }, { underreport: 2 }];
const WAITS = [1, 2, 0, 'soon', '-5', 'http-date-in-2', 'http-date-in--60'] as const;

function faultsOf(dice: Dice): FaultRule[] {
  const share = () => dice.between(2, 10) / 100;
  const rules: FaultRule[] = [];
  for (let n = dice.between(1, 4); n > 0; n -= 1) {
    const [probability, fault] = [share(), dice.pick(LOUD)];
    // The 200 of a PUT has no body that we know of: an empty one for what was not done would be CXone's own lie.
    rules.push({ match: fault.raw === '' ? POSTS : RECORDS, probability, fault });
  }
  if (dice.chance(0.4))
    rules.push({ match: POSTS, after: dice.between(1, 15), times: 1, fault: dice.pick(SILENT) });
  if (dice.chance(0.4)) {
    const retryAfter = dice.pick(WAITS);
    rules.push({ match: RECORDS, probability: share(), times: 4, fault: { status: 429, retryAfter } });
  }
  if (dice.chance(0.3))
    rules.push({ match: POSTS, probability: share(), times: 2, fault: dice.pick(PARTIAL) });
  if (dice.chance(0.3)) rules.push({ match: { path: '^/oauth2/token$' }, times: 2, fault: { status: 500 } });
  if (dice.chance(0.5))
    rules.push({ match: { family: 'webhooks' }, probability: share(), times: 2, fault: { status: 503 } });
  return rules;
}

function eventsOf(dice: Dice, workers: number): ChaosEvent[] {
  const count = dice.between(2, 5);
  const shares = Array.from({ length: count }, () => dice.between(0, 90) / 100).sort((a, b) => a - b);
  const deeds = shares.map((at): ChaosEvent => ({ at, ...deedOf(dice, workers) }));
  // Once: a fresh token that is refused too is a wrong secret, and ends the run.
  const revoked = deeds.find(({ what }) => what === 'revoke tokens');
  const events = deeds.filter((deed) => deed.what !== 'revoke tokens' || deed === revoked);
  // The last word: whoever starts a cancelled import again starts another run.
  const last = Math.round((shares.at(-1) ?? 0) * 100);
  if (dice.chance(0.1)) events.push({ at: dice.between(last, 95) / 100, what: 'cancel' });
  return events;
}

type Deed = ChaosEvent extends infer E ? (E extends ChaosEvent ? Omit<E, 'at'> : never) : never;

function deedOf(dice: Dice, workers: number): Deed {
  const worker = dice.between(1, workers);
  const what = dice.pick([
    'kill worker',
    'kill worker',
    'kill worker',
    'end worker',
    'stop worker',
    'kill Temporal',
    'kill PostgreSQL',
    'kill CXone',
    'pause',
    'revoke tokens',
    'start again',
  ] as const);
  switch (what) {
    case 'kill worker':
    case 'end worker':
      return { what, worker, awayMs: dice.between(0, 2_000) };
    case 'stop worker':
      // Shorter than a heartbeat's patience, longer than it, longer than a lease.
      return { what, worker, awayMs: dice.pick([1_000, 6_000, 22_000]) };
    case 'kill Temporal':
    case 'kill PostgreSQL':
    case 'kill CXone':
      return { what, awayMs: dice.between(0, 5_000) };
    case 'pause':
      return { what, awayMs: dice.between(100, 4_000) };
    default:
      return { what };
  }
}
