/** The events of a plan: what happens to its processes and runs, and when. */
import type { WorkPlan } from './plan.ts';
import type { Random } from './random.ts';

export type ChaosEvent = {
  /** The share of the work, from 0 to 1, that CXone has applied when the event is due. It happens later if that takes too long. */
  readonly at: number;
} & (
  | { readonly what: 'kill worker' | 'terminate worker'; readonly worker: number; readonly downMs: number }
  | { readonly what: 'suspend worker'; readonly worker: number; readonly downMs: number }
  | { readonly what: 'kill Temporal' | 'kill PostgreSQL' | 'kill CXone'; readonly downMs: number }
  /** CXone answers 503 to everything, or accepts connections and answers nothing; nothing is applied. */
  | { readonly what: 'outage'; readonly answers: '503' | 'nothing'; readonly downMs: number }
  | { readonly what: 'pause'; readonly downMs: number }
  /** Somebody edits the campaign: a place that no update changes or, if conflicting, the list of the first update. */
  | { readonly what: 'edit'; readonly conflicting: boolean; readonly n: number }
  | { readonly what: 'revoke tokens' | 'start again' | 'cancel' | 'cancel in Temporal' }
);

type ChaosAction = ChaosEvent extends infer E ? (E extends ChaosEvent ? Omit<E, 'at'> : never) : never;

const ACTIONS = [
  'kill worker',
  'kill worker',
  'kill worker',
  'terminate worker',
  'suspend worker',
  'kill Temporal',
  'kill PostgreSQL',
  'kill CXone',
  'outage',
  'pause',
  'revoke tokens',
] as const;

export function chooseEvents(random: Random, work: WorkPlan, workers: number): ChaosEvent[] {
  const count = random.between(2, 5);
  const shares = Array.from({ length: count }, () => random.between(0, 90) / 100).sort((a, b) => a - b);
  const actions = shares.map((at, n): ChaosEvent => ({ at, ...chooseAction(random, work, workers, n) }));
  // At most once: if a new token is rejected too, cxflow concludes that the secret is wrong and fails the run.
  const revoked = actions.find(({ what }) => what === 'revoke tokens');
  const events = actions.filter((action) => action.what !== 'revoke tokens' || action === revoked);
  // As the last event, because starting a cancelled run again would start a different run.
  const last = Math.round((shares.at(-1) ?? 0) * 100);
  if (random.chance(0.15)) {
    const what = random.pick(['cancel', 'cancel in Temporal'] as const);
    events.push({ at: random.between(last, 95) / 100, what });
  }
  return events;
}

function chooseAction(random: Random, work: WorkPlan, workers: number, n: number): ChaosAction {
  const worker = random.between(1, workers);
  // A selection update that is started again after its end is a different run.
  const others =
    work.kind === 'selectionUpdate' ? (['edit', 'edit', 'edit'] as const) : (['start again'] as const);
  const what = random.pick([...ACTIONS, ...others]);
  switch (what) {
    case 'kill worker':
    case 'terminate worker':
      return { what, worker, downMs: random.between(0, 2_000) };
    case 'suspend worker':
      // Shorter than the heartbeat timeout, longer than that, and longer than a lease.
      return { what, worker, downMs: random.pick([1_000, 6_000, 22_000]) };
    case 'kill Temporal':
    case 'kill PostgreSQL':
    case 'kill CXone':
      return { what, downMs: random.between(0, 5_000) };
    case 'outage':
      // These are real minutes: Temporal's backoff reaches a minute between two attempts, and no setting shortens it.
      return {
        what,
        answers: random.pick(['503', '503', 'nothing']),
        downMs: random.chance(0.3) ? random.between(60_000, 180_000) : random.between(2_000, 12_000),
      };
    case 'pause':
      return { what, downMs: random.between(100, 4_000) };
    case 'edit':
      return { what, n, conflicting: random.chance(0.3) };
    default:
      return { what };
  }
}
