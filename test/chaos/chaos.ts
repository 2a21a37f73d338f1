/** Carries out a chaos plan during an import, restarts everything, and runs the conservation check. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { DecisionRefused } from '../../src/client.ts';
import type { ContactImportInput, ContactImportResult } from '../../src/contract/contact-import.ts';
import type { Decision, SteeringAction } from '../../src/contract/steering.ts';
import { onStand, type Stand, type StandOptions } from '../faults/stand.ts';
import type { Processes, TestProcess } from '../harness/processes.ts';
import type { Restartable } from '../harness/servers.ts';
import { apiShape, csv, rowAt, rows } from '../scenarios/contacts.ts';
import type { ChaosEvent, ChaosPlan } from './plan.ts';
import { renderEnd, renderEvent, renderPlan } from './render.ts';

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

const LIST = 'chaos';
/** An event waits no longer than this until it is due. */
const MAX_WAIT_MS = 8_000;

/** Returns the number of disturbances: events that happened while the run was in progress, and injected faults. */
export async function runChaos(processes: Processes, chaos: Chaos): Promise<number> {
  const { plan, print } = chaos;
  let disturbances = 0;
  for (const line of renderPlan(plan)) print(line);
  await onStand(processes, toStandOptions(chaos), async (stand) => {
    const startedAt = performance.now();
    const input = await prepare(stand, plan);
    const workers = await startWorkers(stand, plan.workers);
    const { runId } = await stand.client().startContactImport(input);
    let hasEnded = false;
    const ended = stand.ended(runId).finally(() => (hasEnded = true));
    ended.catch(() => undefined);
    const run: ChaosRun = { ...chaos, stand, workers, input, runId, hasEnded: () => hasEnded };
    for (const event of plan.events) if (await applyWhenDue(run, event)) disturbances += 1;
    await workers.allRestarted();
    const result = await ended;
    const { state } = result;
    const counts = await stand.conserved(runId, { result, state });
    expectRightCounts(plan, result);
    const seen = await countFaultsAndPosts(stand);
    disturbances += seen.faults;
    print(renderEnd({ state, counts, tookMs: performance.now() - startedAt, ...seen }));
  });
  return disturbances;
}

function toStandOptions({ plan, servers, databaseUrl, namespace }: Chaos): StandOptions {
  const { latencyMs, faults, seed, naming, atomic, inFlight, ratePerMinute } = plan;
  return {
    databaseUrl,
    temporalAddress: servers.temporal.current().address,
    namespace,
    latencyMs,
    faults,
    seed,
    simulatorArgs: ['--naming', naming, ...(atomic ? [] : ['--non-atomic'])],
    env: {
      CXFLOW_MAX_IN_FLIGHT: String(inFlight),
      CXFLOW_RATE_PER_MINUTE: String(ratePerMinute),
      CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
    },
  };
}

/** Stages the source, with the invalid and duplicate rows at its end, and seeds the contacts that CXone has already. */
async function prepare(stand: Stand, { rows: { valid, invalid, duplicate }, known, existing }: ChaosPlan) {
  const path = join(stand.folder, 'contacts.csv');
  const wrong = Array.from({ length: invalid }, (_, n) => rowAt(valid + n + 1, { phone: '123' }));
  const again = Array.from({ length: duplicate }, (_, n) => rowAt(n + 1));
  writeFileSync(path, csv([...rows(1, valid), ...wrong, ...again]));
  // Spread over all batches.
  const step = Math.max(1, Math.floor(valid / Math.max(1, known)));
  const seeded = Array.from({ length: known }, (_, n) => apiShape(rowAt(1 + ((n * step) % valid))));
  if (known > 0) await stand.admin.seedList(LIST, seeded);
  const { source } = await stand.client().stageFile(path);
  return { listId: LIST, source, existing } satisfies ContactImportInput;
}

/** Every valid record reaches CXone, or the run was cancelled. */
function expectRightCounts({ rows: { valid, invalid, duplicate } }: ChaosPlan, result: ContactImportResult) {
  const { created = 0, updated = 0, existing = 0, cancelled = 0, in_doubt = 0 } = result.counts;
  const reached = created + updated + existing;
  const settled = result.state === 'cancelled' ? reached + cancelled + in_doubt : reached;
  expect({ valid: settled, ...pickCounts(result.counts) }).toEqual({ valid, invalid, duplicate });
}

const pickCounts = ({ invalid = 0, duplicate = 0 }: ContactImportResult['counts']) => ({
  invalid,
  duplicate,
});

async function countFaultsAndPosts(stand: Stand) {
  const { requests } = await stand.admin.stats();
  const posts = Object.values(requests['POST /api/v2/contactlists/:listId/records'] ?? {});
  const faults = (await stand.admin.faults()).reduce((sum, rule) => sum + rule.injected, 0);
  return { faults, posts: posts.reduce((sum, n) => sum + n, 0) };
}

/** Starts the workers, which are numbered from 1 as in the plan. */
async function startWorkers(stand: Stand, count: number) {
  const env = { CRM_WEBHOOK_URL: stand.admin.webhookUrl('crm') };
  const processes: TestProcess[] = [];
  const restarts: Promise<unknown>[] = [];
  const get = (worker: number): TestProcess => processes[worker - 1] as TestProcess;
  const start = (worker: number): void => void (processes[worker - 1] = stand.worker(env));
  for (let worker = 1; worker <= count; worker += 1) start(worker);
  await Promise.all(processes.map((process) => process.waitFor(/worker is ready/)));
  const later = (ms: number, action: () => unknown): void => void restarts.push(delay(ms).then(action));
  return {
    async kill(worker: number, downMs: number) {
      await get(worker).kill();
      later(downMs, () => start(worker));
    },
    async terminate(worker: number, downMs: number) {
      // A suspended process does not receive SIGTERM.
      get(worker).resume();
      await get(worker).terminate();
      later(downMs, () => start(worker));
    },
    suspend(worker: number, downMs: number) {
      const suspended = get(worker);
      suspended.pause();
      later(downMs, () => suspended.resume());
    },
    /** Resolves once all workers have been restarted and resumed. */
    allRestarted: () => Promise.all(restarts),
  };
}

interface ChaosRun extends Chaos {
  readonly stand: Stand;
  readonly workers: Awaited<ReturnType<typeof startWorkers>>;
  readonly input: ContactImportInput;
  readonly runId: string;
  readonly hasEnded: () => boolean;
}

/** Returns false if the run had already ended. */
async function applyWhenDue(run: ChaosRun, event: ChaosEvent): Promise<boolean> {
  const { plan, stand, print, hasEnded } = run;
  const dueAt = event.at * plan.rows.valid;
  const countApplied = () => stand.admin.health().then(({ lists }) => lists[LIST] ?? 0);
  const deadline = performance.now() + MAX_WAIT_MS;
  let applied = await countApplied();
  while (applied < dueAt && !hasEnded() && performance.now() < deadline) {
    await delay(25);
    applied = await countApplied();
  }
  const percent = Math.round((100 * Math.min(applied, plan.rows.valid)) / plan.rows.valid);
  const inTime = !hasEnded();
  print(`  ${String(percent).padStart(3)} %  ${renderEvent(event)}${inTime ? '' : ' (the run had ended)'}`);
  await apply(run, event);
  return inTime;
}

async function apply({ workers, servers, stand, input, runId }: ChaosRun, event: ChaosEvent): Promise<void> {
  const steer = (action: SteeringAction) => decide(stand, runId, { action, by: 'chaos' });
  switch (event.what) {
    case 'kill worker':
      return workers.kill(event.worker, event.downMs);
    case 'terminate worker':
      return workers.terminate(event.worker, event.downMs);
    case 'suspend worker':
      return workers.suspend(event.worker, event.downMs);
    case 'kill Temporal':
      return killAndRestart(servers.temporal, event.downMs);
    case 'kill PostgreSQL':
      return killAndRestart(servers.postgres, event.downMs);
    case 'kill CXone':
      return killAndRestart(
        { kill: () => stand.simulator().kill(), restart: stand.restartSimulator },
        event.downMs,
      );
    case 'pause':
      await steer('pause');
      await delay(event.downMs);
      return steer('resume');
    case 'cancel':
      return steer('cancel');
    case 'revoke tokens':
      return void (await stand.admin.revokeTokens());
    case 'start again':
      return startAgain(stand, input, runId);
  }
}

async function startAgain(stand: Stand, input: ContactImportInput, runId: string): Promise<void> {
  const again = await stand.client().startContactImport(input);
  expect(again.runId, 'the same content is the same run').toBe(runId);
}

interface RestartableServer {
  readonly kill: () => Promise<unknown>;
  readonly restart: () => Promise<unknown>;
}

async function killAndRestart({ kill, restart }: RestartableServer, downMs: number): Promise<void> {
  await kill();
  await delay(downMs);
  await restart();
}

/** Retries until the decision is accepted, or refused because of the state of the run. */
async function decide(stand: Stand, runId: string, decision: Decision): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      await stand.client().decide(runId, decision);
      return;
    } catch (error) {
      if (error instanceof DecisionRefused) return;
      if (performance.now() > deadline) throw error;
      await delay(500);
    }
  }
}
