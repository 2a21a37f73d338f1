/**
 * The disturbances of one import, derived from a seed: the same seed gives the same plan on every machine. Its effect may
 * still differ with the timing, but the conservation check must always hold.
 */
import type { FaultRule } from '../../src/simulator/faults.ts';
import { mulberry32 } from '../../src/simulator/random.ts';

export type ChaosEvent = {
  /** Happens once CXone has this share of the records (0 to 1), or after waiting too long for that. */
  readonly at: number;
} & (
  | { readonly what: 'kill worker' | 'terminate worker'; readonly worker: number; readonly downMs: number }
  | { readonly what: 'suspend worker'; readonly worker: number; readonly downMs: number }
  | { readonly what: 'kill Temporal' | 'kill PostgreSQL' | 'kill CXone'; readonly downMs: number }
  | { readonly what: 'pause'; readonly downMs: number }
  | { readonly what: 'revoke tokens' | 'start again' | 'cancel' }
);

export interface ChaosPlan {
  readonly seed: number;
  readonly rows: { readonly valid: number; readonly invalid: number; readonly duplicate: number };
  /** How many of the contacts CXone has already. */
  readonly known: number;
  readonly existing: 'skip' | 'update';
  readonly workers: number;
  readonly inFlight: number;
  readonly latencyMs: number;
  /** 0: unlimited. */
  readonly ratePerMinute: number;
  /** Whether CXone names the records that it rejects, and whether it creates the others. */
  readonly naming: 'all' | 'none';
  readonly atomic: boolean;
  readonly faults: readonly FaultRule[];
  readonly events: readonly ChaosEvent[];
}

interface Random {
  /** A whole number, both ends included. */
  readonly between: (least: number, most: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly pick: <T>(from: readonly T[]) => T;
}

function createRandom(seed: number): Random {
  // Without this, neighbouring seeds would give similar plans.
  const random = mulberry32(Math.imul(seed + 1, 0x9e3779b1));
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  return {
    between,
    chance: (probability) => random() < probability,
    pick: (from) => from[between(0, from.length - 1)] as (typeof from)[number],
  };
}

export function createPlan(seed: number): ChaosPlan {
  const random = createRandom(seed);
  const valid = random.between(1_000, 5_000);
  const workers = random.between(1, 3);
  return {
    seed,
    rows: { valid, invalid: random.between(0, 40), duplicate: random.between(0, 40) },
    known: random.chance(0.5) ? random.between(1, 60) : 0,
    existing: random.pick(['skip', 'update']),
    workers,
    inFlight: random.between(1, 6),
    latencyMs: random.between(20, 250),
    ratePerMinute: random.chance(0.25) ? random.between(600, 3_000) : 0,
    naming: random.chance(0.2) ? 'none' : 'all',
    atomic: !random.chance(0.2),
    faults: chooseFaults(random),
    events: chooseEvents(random, workers),
  };
}

const POSTS = { method: 'POST', family: 'contactlists' } as const;
const RECORDS = { family: 'contactlists' } as const;

/** Rare, because each costs a deadline of 15 s. */
const WITHOUT_ANSWER: readonly FaultRule['fault'][] = [
  { answerLost: true },
  { hang: true },
  { drip: 'body' },
  { drip: 'headers' },
];
const WITH_ANSWER: readonly FaultRule['fault'][] = [
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

function chooseFaults(random: Random): FaultRule[] {
  const share = () => random.between(2, 10) / 100;
  const rules: FaultRule[] = [];
  for (let n = random.between(1, 4); n > 0; n -= 1) {
    const [probability, fault] = [share(), random.pick(WITH_ANSWER)];
    // Not for a PUT, whose 200 may have an empty body: cxflow could not know that nothing was applied.
    rules.push({ match: fault.raw === '' ? POSTS : RECORDS, probability, fault });
  }
  if (random.chance(0.4))
    rules.push({ match: POSTS, after: random.between(1, 15), times: 1, fault: random.pick(WITHOUT_ANSWER) });
  if (random.chance(0.4)) {
    const retryAfter = random.pick(WAITS);
    rules.push({ match: RECORDS, probability: share(), times: 4, fault: { status: 429, retryAfter } });
  }
  if (random.chance(0.3))
    rules.push({ match: POSTS, probability: share(), times: 2, fault: random.pick(PARTIAL) });
  if (random.chance(0.3))
    rules.push({ match: { path: '^/oauth2/token$' }, times: 2, fault: { status: 500 } });
  if (random.chance(0.5))
    rules.push({ match: { family: 'webhooks' }, probability: share(), times: 2, fault: { status: 503 } });
  return rules;
}

function chooseEvents(random: Random, workers: number): ChaosEvent[] {
  const count = random.between(2, 5);
  const shares = Array.from({ length: count }, () => random.between(0, 90) / 100).sort((a, b) => a - b);
  const actions = shares.map((at): ChaosEvent => ({ at, ...chooseAction(random, workers) }));
  // Once only: if a new token is rejected too, cxflow takes the secret for wrong and fails the run.
  const revoked = actions.find(({ what }) => what === 'revoke tokens');
  const events = actions.filter((action) => action.what !== 'revoke tokens' || action === revoked);
  // At the end, because starting a cancelled import again would start another run.
  const last = Math.round((shares.at(-1) ?? 0) * 100);
  if (random.chance(0.1)) events.push({ at: random.between(last, 95) / 100, what: 'cancel' });
  return events;
}

type ChaosAction = ChaosEvent extends infer E ? (E extends ChaosEvent ? Omit<E, 'at'> : never) : never;

function chooseAction(random: Random, workers: number): ChaosAction {
  const worker = random.between(1, workers);
  const what = random.pick([
    'kill worker',
    'kill worker',
    'kill worker',
    'terminate worker',
    'suspend worker',
    'kill Temporal',
    'kill PostgreSQL',
    'kill CXone',
    'pause',
    'revoke tokens',
    'start again',
  ] as const);
  switch (what) {
    case 'kill worker':
    case 'terminate worker':
      return { what, worker, downMs: random.between(0, 2_000) };
    case 'suspend worker':
      // Shorter than the heartbeat timeout, longer than it, and longer than a lease.
      return { what, worker, downMs: random.pick([1_000, 6_000, 22_000]) };
    case 'kill Temporal':
    case 'kill PostgreSQL':
    case 'kill CXone':
      return { what, downMs: random.between(0, 5_000) };
    case 'pause':
      return { what, downMs: random.between(100, 4_000) };
    default:
      return { what };
  }
}
