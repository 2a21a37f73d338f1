/** Lost answers: broken connections, 503s, truncated bodies and timeouts. */
import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { outcomesByEvidence } from './observe.ts';
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
        // A repetition that finds all records there does not show whether they were there before, and the ledger says just that.
        const known = await outcomesByEvidence(stand, runId);
        expect(known).toMatchObject({ 'existing own_write_or_existing': existing, created });
        expect(existing).toBeGreaterThan(0);
        const { records, runs } = stand.client().ledger;
        const reasons = await records.countReasons((await runs.get(runId)).run_no);
        const open = { outcome: 'existing', code: 'own_write_or_existing', field: null, n: existing };
        expect(reasons, 'what people see').toContainEqual(open);
        const faultCount = (await stand.admin.faults()).reduce((sum, { injected }) => sum + injected, 0);
        expect(faultCount).toBeGreaterThan(10);
        expect(worker.stderr()).toBe('');
      });
    });
  });
}
