/**
 * Pause, resume and cancel of a long run at full speed by two workers. Proved by the ledger's claims and the simulator's
 * journal, not by clocks: once the word is answered no write is claimed, and what CXone gets after it is what was in
 * flight. What was claimed and waited for a slot is given back. `npm run bench -- steer` measures how soon a word takes effect.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { SteeringAction } from '../../src/contract/steering.ts';
import { useProcesses } from '../harness/processes.ts';
import { type Claims, claimable, claimsOf } from './observe.ts';
import { onStand, type Stand, until, untilApplied } from './stand.ts';

const processes = useProcesses();

const RECORDS = 50_000;
const IN_FLIGHT = 16;
const WORKERS = 2;

/** Says the word in the middle of the writing; what was in flight by then is all that CXone ever gets. */
async function stopsAt(stand: Stand, runId: string, action: SteeringAction): Promise<Claims> {
  await stand.client().decide(runId, { action, by: 'dana' });
  const word = await claimsOf(stand);
  expect(word.open, 'claimed, and not settled').toBeLessThanOrEqual(claimable(WORKERS, IN_FLIGHT));
  await until(
    () => claimsOf(stand),
    ({ open }) => open === 0,
  );
  await delay(1_000);
  const after = await claimsOf(stand);
  expect(after, 'after the word').toMatchObject({ claims: word.claims, open: 0 });
  expect(after.settled - word.settled, 'written after the word').toBeLessThanOrEqual(WORKERS * IN_FLIGHT);
  expect((await stand.admin.health()).applied, 'what CXone has').toBe(after.created);
  return after;
}

it('of 50,000 records at full speed, nothing but what is in flight is written after a pause or a cancel', async () => {
  const env = { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT) };
  await onStand(processes, { latencyMs: 50, env }, async (stand) => {
    await Promise.all(Array.from({ length: WORKERS }, () => stand.readyWorker()));
    const runId = await stand.startImport(RECORDS);
    await untilApplied(stand, 2_000);
    const paused = await stopsAt(stand, runId, 'pause');
    await stand.client().decide(runId, { action: 'resume', by: 'dana' });
    await untilApplied(stand, paused.created + 2_000);
    const stopped = await stopsAt(stand, runId, 'cancel');
    const result = await stand.ended(runId);
    const counts = await stand.conserved(runId, { result, state: 'cancelled' });
    expect(counts.created).toBe(stopped.created);
    expect(counts.cancelled, 'the word came in the middle').toBeGreaterThan(RECORDS / 10);
  });
});
