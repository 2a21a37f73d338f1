/** Renders a plan, its events and its result as lines of text. */
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { ChaosEvent } from './events.ts';
import type { ChaosPlan, EmailPlan, ImportPlan, ListLoadPlan, WorkPlan } from './plan.ts';
import type { Ended } from './work/work.ts';

const number = (n: number): string => n.toLocaleString('en-GB');
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const many = (n: number, what: string): string => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

/** The operation, the workers and CXone's faults. */
export function renderPlan(plan: ChaosPlan): readonly string[] {
  const { work, approval, workers, inFlight, latencyMs, ratePerMinute } = plan;
  const parts = [
    ...describeWork(work),
    ...(approval ? ['approved first'] : []),
    `${many(workers, 'worker')} × ${inFlight} in flight`,
    `${latencyMs} ms`,
    ...(ratePerMinute === 0 ? [] : [`${number(ratePerMinute)} per minute`]),
  ];
  return [`seed ${plan.seed} · ${parts.join(' · ')}`, `  CXone: ${plan.faults.map(renderFault).join('; ')}`];
}

function describeWork(work: WorkPlan): readonly string[] {
  switch (work.kind) {
    case 'contactImport':
      return describeImport(work);
    case 'emailSend':
      return describeEmailSend(work);
    case 'listLoad':
      return describeListLoad(work);
    case 'preferenceUpdate': {
      const { valid, invalid, duplicate } = work.rows;
      return [
        `${number(valid)} preferences (and ${invalid} invalid, ${duplicate} duplicate)`,
        work.withdrawn === 0 ? 'none withdrawn' : `${work.withdrawn} withdrawn since`,
      ];
    }
    case 'selectionUpdate':
      return [
        `${work.updates} updates of one campaign, on conflict ${work.onConflict}`,
        ...work.editors.map(({ when, times }) => `an editor ${String(when)} (${String(times)}×)`),
      ];
  }
}

function describeListLoad(work: ListLoadPlan): readonly string[] {
  const { loads, rows, suppressed, known, room } = work;
  return [
    `${many(loads, 'load')} to one campaign`,
    `${number(rows.valid)} items (and ${rows.invalid} invalid, ${rows.duplicate} duplicate)`,
    ...(suppressed === 0 ? [] : [`${suppressed} suppressed`]),
    known === 0 ? 'none known' : `${known} known to CXone`,
    ...(room === 1 ? [] : [`room for ${Math.round(100 * room)} %`]),
    ...describeTenant(work),
  ];
}

function describeEmailSend({
  rows,
  suppressed,
  perRequest,
  idempotent,
  mixed,
  onInDoubt,
}: EmailPlan): readonly string[] {
  return [
    `${number(rows.valid)} recipients (and ${rows.invalid} invalid, ${rows.duplicate} duplicate)`,
    `${perRequest} per message`,
    ...(suppressed === 0 ? [] : [`${suppressed} suppressed`]),
    ...(mixed ? ['bounces, clicks and complaints'] : []),
    idempotent ? 'repeats are dropped' : `repeats are sent (in doubt: ${onInDoubt})`,
  ];
}

function describeImport(work: ImportPlan): readonly string[] {
  const { rows, known, existing, withheld } = work;
  return [
    `${number(rows.valid)} contacts (and ${rows.invalid} invalid, ${rows.duplicate} duplicate)`,
    known === 0 ? 'none known' : `${known} known to CXone (${existing})`,
    ...(withheld === null ? [] : [`consent required, which ${withheld} have not given`]),
    ...describeTenant(work),
  ];
}

function describeTenant(work: ImportPlan | ListLoadPlan): readonly string[] {
  const { naming, atomic, duplicatesRefused, onInDoubt } = work;
  return [
    ...(naming === 'all' ? [] : ['rejections name no records']),
    ...(atomic ? [] : ['batches are not atomic']),
    ...(duplicatesRefused ? [] : [`duplicates are accepted (in doubt: ${onInDoubt})`]),
  ];
}

function renderFault({ match = {}, probability = 1, times, after = 0, fault }: FaultRule): string {
  const [, path = ''] = /(token|suppressions)\$$/.exec(match.path ?? '') ?? [];
  const who = match.family === 'webhooks' ? 'the CRM ' : path && `${path} `;
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
    case 'outage':
      return `CXone answers ${event.answers} for ${seconds(event.downMs)}`;
    case 'pause':
      return `paused, resumed after ${seconds(event.downMs)}`;
    case 'edit':
      return event.conflicting ? 'somebody excludes our list' : 'somebody adds another list';
    case 'revoke tokens':
      return 'all tokens revoked';
    case 'start again':
      return 'the same started once more';
    case 'cancel':
      return 'cancelled';
    case 'cancel in Temporal':
      return 'cancelled in Temporal';
  }
}

export interface ChaosEnd {
  readonly ends: readonly Ended[];
  readonly tookMs: number;
  /** The number of injected faults, without those of outages. */
  readonly faults: number;
  /** The number of requests that write. */
  readonly requests: number;
}

export function renderEnd({ ends, tookMs, faults, requests }: ChaosEnd): string {
  const states = [...new Set(ends.map(({ state }) => state))].join(', ');
  const sums: Record<string, number> = {};
  for (const { counts } of ends)
    for (const [name, n] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + n;
  const { total = 0, pending: _, ...outcomes } = sums;
  const parts = Object.entries(outcomes)
    .filter(([, n]) => n > 0)
    .map(([name, n]) => `${name} ${number(n)}`);
  const added = `${parts.join(' · ')} = ${number(total)}`;
  const sent = `${many(requests, 'write request')}, ${many(faults, 'fault')} injected`;
  return `  ✓ ${states} in ${seconds(tookMs)}: ${added}\n    ${sent}; no record lost or written twice, audit chain intact`;
}
