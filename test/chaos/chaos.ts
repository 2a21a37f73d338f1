/** Executes a chaos plan, restarts everything, and runs the conservation check for each run. */
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import type { RunResult } from '../../src/contract/run.ts';
import { onStand, type Stand, type StandOptions } from '../faults/stand.ts';
import type { Processes } from '../harness/processes.ts';
import type { Restartable } from '../harness/servers.ts';
import { applyEvent } from './apply.ts';
import type { ChaosEvent } from './events.ts';
import { expectFewInDoubt } from './in-doubt.ts';
import { startOperator } from './operator.ts';
import type { ChaosPlan } from './plan.ts';
import { renderEnd, renderEvent, renderPlan } from './render.ts';
import { startContactImport } from './work/contacts.ts';
import { startEmailSend } from './work/emails.ts';
import { startListLoads } from './work/items.ts';
import { startPreferenceUpdate } from './work/preferences.ts';
import { startSelectionUpdates } from './work/selections.ts';
import type { Ended, Work } from './work/work.ts';
import { startWorkers, type Workers } from './workers.ts';

export interface Servers {
  readonly temporal: Pick<Restartable<{ readonly address: string }>, 'current' | 'kill' | 'restart'>;
  readonly postgres: Pick<Restartable<unknown>, 'kill' | 'restart'>;
}

export interface Chaos {
  readonly plan: ChaosPlan;
  readonly servers: Servers;
  /** A database and a namespace on those servers. */
  readonly databaseUrl: string;
  readonly namespace: string;
  readonly print: (line: string) => void;
}

export interface ChaosRun extends Chaos {
  readonly stand: Stand;
  readonly workers: Workers;
  readonly work: Work;
  readonly hasEnded: () => boolean;
  /** The number of faults injected before an outage replaced the fault rules or the simulator was restarted. */
  injectedBefore: number;
}

/** The longest time for which an event waits until it is due. */
const MAX_WAIT_MS = 8_000;

/** Returns the number of disturbances: events that happened while a run was in progress, and injected faults. */
export async function runChaos(processes: Processes, chaos: Chaos): Promise<number> {
  const { plan, print } = chaos;
  let disturbances = 0;
  for (const line of renderPlan(plan)) print(line);
  await onStand(processes, toStandOptions(chaos), async (stand) => {
    const startedAt = performance.now();
    const workers = await startWorkers(stand, plan.workers);
    const work = await startWork(stand, plan);
    let hasEnded = false;
    const ended = Promise.all(work.runIds.map((runId) => resultOf(stand, runId))).finally(
      () => (hasEnded = true),
    );
    ended.catch(() => undefined);
    const operator = startOperator(stand, work.runIds, () => hasEnded);
    const run: ChaosRun = { ...chaos, stand, workers, work, hasEnded: () => hasEnded, injectedBefore: 0 };
    for (const event of plan.events) if (await applyWhenDue(run, event)) disturbances += 1;
    await workers.allRestarted();
    const results = await ended;
    // Reads the ledger, so it has to wait until PostgreSQL is running again.
    const ends = await Promise.all(work.runIds.map((runId, i) => readEnd(stand, runId, results[i] ?? null)));
    await operator;
    const { faults, requests } = await countFaultsAndRequests(run);
    for (const { runId, state, result } of ends)
      await stand.conserved(runId, { state, ...(result && { result }) });
    await work.check(ends);
    await expectFewInDoubt(run, faults);
    disturbances += faults;
    print(renderEnd({ ends, tookMs: performance.now() - startedAt, faults, requests }));
  });
  return disturbances;
}

function toStandOptions({ plan, servers, databaseUrl, namespace }: Chaos): StandOptions {
  const { work, latencyMs, faults, seed, inFlight, ratePerMinute } = plan;
  const tenant = 'naming' in work ? work : null;
  return {
    databaseUrl,
    temporalAddress: servers.temporal.current().address,
    namespace,
    latencyMs,
    faults,
    seed,
    simulatorArgs: [
      ...(tenant ? ['--naming', tenant.naming] : []),
      ...(tenant?.atomic === false ? ['--non-atomic'] : []),
      ...(tenant?.duplicatesRefused === false ? ['--accept-duplicates'] : []),
      ...(work.kind === 'emailSend' && work.idempotent ? ['--email-idempotent'] : []),
    ],
    env: {
      CXFLOW_MAX_IN_FLIGHT: String(inFlight),
      CXFLOW_RATE_PER_MINUTE: String(ratePerMinute),
      CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
      CXFLOW_LIST_ITEMS_PER_BATCH: '100',
      CXFLOW_LIST_INTERVAL_MS: '0',
      ...(tenant?.duplicatesRefused === false && {
        CXONE_DUPLICATES_REFUSED: 'false',
        CXONE_LISTS_STRICT_UNIQUENESS: 'false',
      }),
      ...(work.kind === 'emailSend' && {
        CXFLOW_EMAIL_PER_REQUEST: String(work.perRequest),
        CXONE_EMAIL_IDEMPOTENT: String(work.idempotent),
      }),
    },
  };
}

function startWork(stand: Stand, { work, approval }: ChaosPlan): Promise<Work> {
  switch (work.kind) {
    case 'contactImport':
      return startContactImport(stand, work, approval);
    case 'emailSend':
      return startEmailSend(stand, work, approval);
    case 'listLoad':
      return startListLoads(stand, work, approval);
    case 'preferenceUpdate':
      return startPreferenceUpdate(stand, work, approval);
    case 'selectionUpdate':
      return startSelectionUpdates(stand, work, approval);
  }
}

/** Null if the run fails. */
function resultOf(stand: Stand, runId: string): Promise<RunResult | null> {
  return stand.ended(runId).catch((error: unknown) => {
    if (error instanceof WorkflowFailedError) return null;
    throw error;
  });
}

/** Reads how the run ended from the ledger, which knows it however the run ended. */
async function readEnd(stand: Stand, runId: string, result: RunResult | null): Promise<Ended> {
  const { ledger } = stand.client();
  const run = await ledger.runs.get(runId);
  const counts = await ledger.runs.exactCounts(run.run_no);
  return { runId, state: run.state, result, counts, failure: run.failure };
}

/** Returns false if all runs had already ended. */
async function applyWhenDue(run: ChaosRun, event: ChaosEvent): Promise<boolean> {
  const { work, print, hasEnded } = run;
  const deadline = performance.now() + MAX_WAIT_MS;
  let progress = await work.progress();
  while (progress < event.at && !hasEnded() && performance.now() < deadline) {
    await delay(25);
    progress = await work.progress();
  }
  const percent = Math.round(100 * Math.min(progress, 1));
  const inTime = !hasEnded();
  const late = work.runIds.length === 1 ? 'the run had ended' : 'the runs had ended';
  print(`  ${String(percent).padStart(3)} %  ${renderEvent(event)}${inTime ? '' : ` (${late})`}`);
  await applyEvent(run, event);
  return inTime;
}

async function countFaultsAndRequests({ stand, injectedBefore }: ChaosRun) {
  const { requests } = await stand.admin.stats();
  const writes = Object.entries(requests).filter(([route]) =>
    /^(POST|PUT|PATCH) \/(api|v1\/communications)\/(?!.*without)/.test(route),
  );
  const faults = (await stand.admin.faults()).reduce((sum, rule) => sum + rule.injected, injectedBefore);
  const counts = writes.flatMap(([, byStatus]) => Object.values(byStatus));
  return { faults, requests: counts.reduce((sum, n) => sum + n, 0) };
}
