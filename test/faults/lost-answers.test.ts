/** Lost answers: broken connections, 503s, truncated bodies and timeouts. */
import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { listEvidence } from './observe.ts';
import { chooseSeed, onStand } from './stand.ts';

const POSTS = { method: 'POST', family: 'contactlists' } as const;
const LOST_ANSWERS: readonly FaultRule[] = [
  { match: POSTS, probability: 0.15, fault: { reset: 'after' } },
  { match: POSTS, probability: 0.07, fault: { reset: 'before' } },
  { match: POSTS, probability: 0.1, fault: { status: 503, when: 'after' } },
  { match: POSTS, probability: 0.1, fault: { status: 503 } },
  { match: POSTS, probability: 0.1, fault: { truncate: true } },
];

/** Only two, because each costs the request's deadline of 15 s. */
const TIMEOUTS: readonly FaultRule[] = [
  { match: POSTS, after: 4, times: 1, fault: { answerLost: true } },
  { match: POSTS, after: 8, times: 1, fault: { hang: true } },
];

for (const [fixed, faults] of [
  [11, LOST_ANSWERS],
  [17, [...TIMEOUTS, ...LOST_ANSWERS]],
] as const) {
  // Concurrent, because the tests mostly wait for the next attempt.
  describe.concurrent(`lost answers, seed ${fixed}`, () => {
    const processes = useProcesses();
    it('an import writes every contact once although four of ten answers are lost, most of them after the write', async () => {
      const seed = chooseSeed(fixed);
      await onStand(processes, { seed, faults }, async (stand) => {
        const worker = await stand.readyWorker();
        const runId = await stand.startImport(3_000);
        const result = await stand.ended(runId);
        const { created = 0, existing = 0, in_doubt = 0, ...rest } = await stand.conserved(runId, { result });
        expect(in_doubt, 'records in doubt, although CXone refuses duplicates').toBe(0);
        expect(created + existing + (rest.invalid ?? 0) + (rest.duplicate ?? 0)).toBe(rest.total);
        // A truncated 409 names no contacts, so who created them stays unknown, and the evidence says so.
        expect(await listEvidence(stand, 'existing')).toEqual(
          existing === 0 ? [] : ['own_write_or_existing'],
        );
        expect(await listEvidence(stand, 'created')).toContain('own_write_lost_answer');
        const faultCount = (await stand.admin.faults()).reduce((sum, { injected }) => sum + injected, 0);
        expect(faultCount).toBeGreaterThan(10);
        expect(worker.stderr()).toBe('');
      });
    });
  });
}
