/** A plan, its events and its end as lines that a person reads. */
import type { Counts } from '../../src/domain/run.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { ChaosEvent, ChaosPlan } from './plan.ts';

const number = (n: number): string => n.toLocaleString('en-GB');
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const many = (n: number, what: string): string => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

/** Who takes part, and what CXone does wrong. */
export function planLines(plan: ChaosPlan): readonly string[] {
  const { rows, known, existing, workers, inFlight, latencyMs, ratePerMinute, naming, atomic } = plan;
  const parts = [
    `${number(rows.valid)} contacts (and ${rows.invalid} invalid, ${rows.duplicate} duplicate)`,
    known === 0 ? 'none known' : `${known} known to CXone (${existing})`,
    `${many(workers, 'worker')} × ${inFlight} in flight`,
    `${latencyMs} ms`,
    ...(ratePerMinute === 0 ? [] : [`${number(ratePerMinute)} a minute`]),
    ...(naming === 'all' ? [] : ['refusals name nobody']),
    ...(atomic ? [] : ['batches are not atomic']),
  ];
  return [`seed ${plan.seed} · ${parts.join(' · ')}`, `  CXone: ${plan.faults.map(faultWords).join('; ')}`];
}

function faultWords({ match = {}, probability = 1, times, after = 0, fault }: FaultRule): string {
  const who = match.family === 'webhooks' ? 'the CRM ' : match.path === undefined ? '' : 'tokens ';
  const what = Object.entries(fault)
    .map(([name, value]) => (value === true ? name : `${name} ${String(value) || '""'}`))
    .join(' ');
  const share = probability === 1 ? '' : `${Math.round(probability * 100)} % `;
  const limit = times === undefined ? '' : ` (${times}×${after > 0 ? ` after ${after}` : ''})`;
  return `${who}${share}${what}${limit}`;
}

export function eventWords(event: ChaosEvent): string {
  switch (event.what) {
    case 'kill worker':
      return `kill -9 worker ${event.worker}, back after ${seconds(event.awayMs)}`;
    case 'end worker':
      return `SIGTERM to worker ${event.worker}, back ${seconds(event.awayMs)} after its end`;
    case 'stop worker':
      return `worker ${event.worker} sleeps for ${seconds(event.awayMs)} (SIGSTOP)`;
    case 'kill Temporal':
    case 'kill PostgreSQL':
    case 'kill CXone':
      return `kill -9 ${event.what.slice(5)}, back after ${seconds(event.awayMs)}`;
    case 'pause':
      return `paused, resumed after ${seconds(event.awayMs)}`;
    case 'revoke tokens':
      return 'all tokens are revoked';
    case 'start again':
      return 'the same import is started once more';
    case 'cancel':
      return 'cancelled';
  }
}

export interface Ending {
  readonly state: string;
  readonly counts: Counts;
  readonly tookMs: number;
  /** How often fault rules struck. */
  readonly strikes: number;
  readonly posts: number;
}

export function endingLine({ state, counts, tookMs, strikes, posts }: Ending): string {
  const { total, pending: _, ...outcomes } = counts;
  const parts = Object.entries(outcomes)
    .filter(([, n]) => n > 0)
    .map(([name, n]) => `${name} ${number(n)}`);
  const sums = `${parts.join(' · ')} = ${number(total)}`;
  return `  ✓ ${state} in ${seconds(tookMs)}: ${sums}\n    ${many(posts, 'POST')}, ${many(strikes, 'fault')} struck; nobody lost, nobody twice, audit whole`;
}
