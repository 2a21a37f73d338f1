/**
 * Pause, resume and cancel of a long run with two workers at full speed. The evidence is the ledger's claims and the
 * simulator's journal, not clocks: after a decision is acknowledged no write is claimed, and CXone receives only what was in
 * flight. Claims that wait for a request slot are released. `npm run bench -- steer` measures how soon a decision takes effect.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { SteeringAction } from '../../src/contract/steering.ts';
import { useProcesses } from '../harness/processes.ts';
import { type Claims, claimable, countClaims } from './observe.ts';
import { onStand, type Stand, until, untilApplied } from './stand.ts';

const processes = useProcesses();

const RECORDS = 50_000;
const IN_FLIGHT = 16;
const WORKERS = 2;

/** Sends a decision in the middle of the writing, and checks that CXone receives only what was in flight by then. */
async function decideAndExpectHalt(stand: Stand, runId: string, action: SteeringAction): Promise<Claims> {
  await stand.client().decide(runId, { action, by: 'dana' });
  const before = await countClaims(stand);
  expect(before.open, 'claims that are not settled').toBeLessThanOrEqual(claimable(WORKERS, IN_FLIGHT));
  await until(
    () => countClaims(stand),
    ({ open }) => open === 0,
  );
  await delay(1_000);
  const after = await countClaims(stand);
  expect(after, 'claims after the decision').toMatchObject({ claims: before.claims, open: 0 });
  expect(after.settled - before.settled, 'writes settled after the decision').toBeLessThanOrEqual(
    WORKERS * IN_FLIGHT,
  );
  expect((await stand.admin.health()).applied, 'records in CXone').toBe(after.created);
  return after;
}

it('at full speed, nothing but what is in flight is written after a pause or a cancel', async () => {
  const env = { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT) };
  await onStand(processes, { latencyMs: 50, env }, async (stand) => {
    await Promise.all(Array.from({ length: WORKERS }, () => stand.readyWorker()));
    const runId = await stand.startImport(RECORDS);
    await untilApplied(stand, 2_000);
    const paused = await decideAndExpectHalt(stand, runId, 'pause');
    await stand.client().decide(runId, { action: 'resume', by: 'dana' });
    await untilApplied(stand, paused.created + 2_000);
    const stopped = await decideAndExpectHalt(stand, runId, 'cancel');
    const result = await stand.ended(runId);
    const counts = await stand.conserved(runId, { result, state: 'cancelled' });
    expect(counts.created).toBe(stopped.created);
    expect(counts.cancelled, 'records that the cancel kept from being sent').toBeGreaterThan(RECORDS / 10);
  });
});
