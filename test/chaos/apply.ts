/** Applies one event of a plan. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { ChaosRun } from './chaos.ts';
import type { ChaosEvent } from './events.ts';
import { decide } from './operator.ts';
import { CAMPAIGN, listOf } from './work/selections.ts';

export async function applyEvent(run: ChaosRun, event: ChaosEvent): Promise<void> {
  const { workers, servers, stand, work } = run;
  const [runId = ''] = work.runIds;
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
      await saveFaultCount(run);
      return killAndRestart(
        { kill: () => stand.simulator().kill(), restart: stand.restartSimulator },
        event.downMs,
      );
    case 'outage':
      return simulateOutage(run, event);
    case 'pause':
      await decide(stand, runId, { action: 'pause' });
      await delay(event.downMs);
      return decide(stand, runId, { action: 'resume' });
    case 'cancel':
      return decide(stand, runId, { action: 'cancel' });
    case 'cancel in Temporal':
      return cancelInTemporal(run, runId);
    case 'edit':
      return edit(run, event);
    case 'revoke tokens':
      return void (await stand.admin.revokeTokens());
    case 'start again':
      return startAgain(run, runId);
  }
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

/** Keeps the number of injected faults before the simulator resets it. */
async function saveFaultCount(run: ChaosRun): Promise<void> {
  const rules = await run.stand.admin.faults();
  run.injectedBefore += rules.reduce((sum, rule) => sum + rule.injected, 0);
}

/** CXone applies nothing during the outage. Afterwards the plan's fault rules count from zero again. */
async function simulateOutage(
  run: ChaosRun,
  { answers, downMs }: Extract<ChaosEvent, { what: 'outage' }>,
): Promise<void> {
  const { admin } = run.stand;
  await saveFaultCount(run);
  const fault: FaultRule['fault'] = answers === '503' ? { status: 503 } : { hang: true };
  await admin.setFaults([{ match: { path: '^/(api|v1/communications)/' }, fault }, ...run.plan.faults]);
  await delay(downMs);
  await admin.setFaults(run.plan.faults);
}

/** Retries while Temporal is down, until the run has ended. */
async function cancelInTemporal({ stand, hasEnded }: ChaosRun, runId: string): Promise<void> {
  const handle = stand.client().temporal.workflow.getHandle(runId);
  while (!hasEnded()) {
    try {
      await handle.cancel();
      return;
    } catch {
      await delay(500);
    }
  }
}

async function edit(
  { stand }: ChaosRun,
  { conflicting, n }: Extract<ChaosEvent, { what: 'edit' }>,
): Promise<void> {
  const taken = { targetListIds: [listOf(1)] };
  const change = conflicting
    ? { remove: taken, add: { exclusionListIds: [listOf(1)] } }
    : { add: { targetListIds: [`E-now-${n}`] } };
  await stand.admin.editCampaign(CAMPAIGN, change);
}

async function startAgain({ work }: ChaosRun, runId: string): Promise<void> {
  if (work.startAgain) expect(await work.startAgain(), 'run id of the same content').toBe(runId);
}
