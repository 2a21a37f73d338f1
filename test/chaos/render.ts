/** Renders a plan, its events and its end as lines of text. */
import type { Counts } from '../../src/domain/run.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { ChaosEvent, ChaosPlan } from './plan.ts';

const number = (n: number): string => n.toLocaleString('en-GB');
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const many = (n: number, what: string): string => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

/** The import, the workers and CXone's faults. */
export function renderPlan(plan: ChaosPlan): readonly string[] {
  const { rows, known, existing, workers, inFlight, latencyMs, ratePerMinute, naming, atomic } = plan;
  const parts = [
    `${number(rows.valid)} contacts (and ${rows.invalid} invalid, ${rows.duplicate} duplicate)`,
    known === 0 ? 'none known' : `${known} known to CXone (${existing})`,
    `${many(workers, 'worker')} × ${inFlight} in flight`,
    `${latencyMs} ms`,
    ...(ratePerMinute === 0 ? [] : [`${number(ratePerMinute)} per minute`]),
    ...(naming === 'all' ? [] : ['rejections name no records']),
    ...(atomic ? [] : ['batches are not atomic']),
  ];
  return [`seed ${plan.seed} · ${parts.join(' · ')}`, `  CXone: ${plan.faults.map(renderFault).join('; ')}`];
}

function renderFault({ match = {}, probability = 1, times, after = 0, fault }: FaultRule): string {
  const who = match.family === 'webhooks' ? 'the CRM ' : match.path === undefined ? '' : 'tokens ';
  const what = Object.entries(fault)
    .map(([name, value]) => (value === true ? name : `${name} ${String(value) || '""'}`))
    .join(' ');
  const share = probability === 1 ? '' : `${Math.round(probability * 100)} % `;
  const limit = times === undefined ? '' : ` (${times}×${after > 0 ? ` after ${after}` : ''})`;
  return `${who}${share}${what}${limit}`;
}

export function renderEvent(event: ChaosEvent): string {
  switch (event.what) {
    case 'kill worker':
      return `kill -9 worker ${event.worker}, restarted after ${seconds(event.downMs)}`;
    case 'terminate worker':
      return `SIGTERM to worker ${event.worker}, restarted ${seconds(event.downMs)} after its exit`;
    case 'suspend worker':
      return `worker ${event.worker} suspended for ${seconds(event.downMs)} (SIGSTOP)`;
    case 'kill Temporal':
    case 'kill PostgreSQL':
    case 'kill CXone':
      return `kill -9 ${event.what.slice(5)}, restarted after ${seconds(event.downMs)}`;
    case 'pause':
      return `paused, resumed after ${seconds(event.downMs)}`;
    case 'revoke tokens':
      return 'all tokens revoked';
    case 'start again':
      return 'the same import started once more';
    case 'cancel':
      return 'cancelled';
  }
}

export interface ChaosEnd {
  readonly state: string;
  readonly counts: Counts;
  readonly tookMs: number;
  /** The number of injected faults. */
  readonly faults: number;
  readonly posts: number;
}

export function renderEnd({ state, counts, tookMs, faults, posts }: ChaosEnd): string {
  const { total, pending: _, ...outcomes } = counts;
  const parts = Object.entries(outcomes)
    .filter(([, n]) => n > 0)
    .map(([name, n]) => `${name} ${number(n)}`);
  const sums = `${parts.join(' · ')} = ${number(total)}`;
  const requests = `${many(posts, 'POST')}, ${many(faults, 'fault')} injected`;
  return `  ✓ ${state} in ${seconds(tookMs)}: ${sums}\n    ${requests}; no record lost or written twice, audit chain intact`;
}
