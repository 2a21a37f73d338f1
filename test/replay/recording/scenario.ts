/** A run whose history is recorded, and helpers that scenarios share. */
import { WorkflowFailedError } from '@temporalio/client';
import type { FaultRule } from '../../../src/simulator/faults.ts';
import { type Stand, untilPhase } from '../../faults/stand.ts';

export interface Scenario {
  /** Workflow type in kebab case, then what happens to the run. */
  readonly name: string;
  /** Runs on a Temporal server that suggests continue-as-new after a few events. */
  readonly continuesAsNew?: boolean;
  readonly duplicatesAccepted?: boolean;
  readonly latencyMs?: number;
  readonly faults?: readonly FaultRule[];
  /** Starts the run and steers it. Returns its workflow id. */
  readonly run: (stand: Stand) => Promise<string>;
}

export const signal = (stand: Stand, runId: string, name: string, message: object = {}): Promise<void> =>
  stand
    .client()
    .temporal.workflow.getHandle(runId)
    .signal(name, { by: 'dana', ...message });

export async function cancelInTemporal(stand: Stand, runId: string): Promise<void> {
  await stand.client().temporal.workflow.getHandle(runId).cancel();
}

/** Resolves when the run has ended, even if it failed or was cancelled. */
export async function end(stand: Stand, runId: string): Promise<string> {
  await stand.ended(runId).catch((error: unknown) => {
    if (!(error instanceof WorkflowFailedError)) throw error;
  });
  return runId;
}

/** Sends a refused and an unknown signal, pauses and resumes before and after the approval, and approves. */
export async function steerThrough(stand: Stand, runId: string): Promise<string> {
  await untilPhase(stand, runId, 'awaiting_approval');
  await signal(stand, runId, 'approve', { planHash: 'of another plan' });
  await signal(stand, runId, 'nonsense');
  await signal(stand, runId, 'pause', { reason: 'lunch' });
  await signal(stand, runId, 'approve', { reason: 'checked' });
  await untilPhase(stand, runId, 'paused');
  await stand.client().decide(runId, { action: 'resume', by: 'dana' });
  return end(stand, runId);
}
