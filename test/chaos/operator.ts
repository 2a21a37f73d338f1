/** The operator of a seed decides whatever the runs wait for, and retries while a server is down. */
import { setTimeout as delay } from 'node:timers/promises';
import { DecisionRefused } from '../../src/client.ts';
import type { Decision } from '../../src/contract/steering.ts';
import type { Phase } from '../../src/domain/run.ts';
import type { Stand } from '../faults/stand.ts';

const BY = 'chaos';

/** Writes in doubt are left. Resending is allowed, but might create contacts twice, and the conservation check would fail. */
const ANSWERS: Readonly<Partial<Record<Phase, Decision>>> = {
  awaiting_approval: { action: 'approve', by: BY },
  in_doubt: { action: 'resolve', verdict: 'leave', by: BY },
  conflict: { action: 'resolve', answers: 'mine', by: BY },
};

/** Resolves once all runs have ended. */
export async function startOperator(
  stand: Stand,
  runIds: readonly string[],
  hasEnded: () => boolean,
): Promise<void> {
  while (!hasEnded()) {
    for (const runId of runIds) await answer(stand, runId).catch(() => undefined);
    await delay(250);
  }
}

async function answer(stand: Stand, runId: string): Promise<void> {
  const run = await stand.client().ledger.runs.find(runId);
  if (run?.state !== 'running') return;
  const hasPausedItself = run.phase === 'paused' && /resume/.test(run.waiting_for ?? '');
  const decision = hasPausedItself ? ({ action: 'resume', by: BY } as const) : ANSWERS[run.phase];
  if (decision) await stand.client().decide(runId, decision);
}

/** Retries until the decision is accepted, or refused because of the state of the run. */
export async function decide(stand: Stand, runId: string, decision: Decision): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      await stand.client().decide(runId, { ...decision, by: BY });
      return;
    } catch (error) {
      if (error instanceof DecisionRefused) return;
      if (performance.now() > deadline) throw error;
      await delay(500);
    }
  }
}
