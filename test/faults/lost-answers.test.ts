/** Answers that never come, or that say nothing. */
import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { evidenceOf } from './observe.ts';
import { onStand, seedOf } from './stand.ts';

const POSTS = { method: 'POST', family: 'contactlists' } as const;
const LOST_ANSWERS: readonly FaultRule[] = [
  { match: POSTS, probability: 0.15, fault: { reset: 'after' } },
  { match: POSTS, probability: 0.07, fault: { reset: 'before' } },
  { match: POSTS, probability: 0.1, fault: { status: 503, when: 'after' } },
  { match: POSTS, probability: 0.1, fault: { status: 503 } },
  { match: POSTS, probability: 0.1, fault: { truncate: true } },
];

/** Costs its deadline of 15 s each: rare. */
const SILENCE: readonly FaultRule[] = [
  { match: POSTS, after: 4, times: 1, fault: { answerLost: true } },
  { match: POSTS, after: 8, times: 1, fault: { hang: true } },
];

for (const [fixed, faults] of [
  [11, LOST_ANSWERS],
  [17, [...SILENCE, ...LOST_ANSWERS]],
] as const) {
  // Beside each other: most of it is waiting for the next try.
  describe.concurrent(`lost answers, seed ${fixed}`, () => {
    const processes = useProcesses();
    it('four answers of ten are lost, half of them after the write: nobody twice, nobody lost', async () => {
      const seed = seedOf(fixed);
      await onStand(processes, { seed, faults }, async (stand) => {
        const worker = await stand.readyWorker();
        const runId = await stand.startImport(3_000);
        const result = await stand.ended(runId);
        const { created = 0, existing = 0, in_doubt = 0, ...rest } = await stand.conserved(runId, { result });
        expect(in_doubt, 'CXone refuses duplicates: no answer stays in doubt').toBe(0);
        expect(created + existing + (rest.invalid ?? 0) + (rest.duplicate ?? 0)).toBe(rest.total);
        // A 409 that is cut off too names nobody: then nobody knows, and the ledger says just that.
        expect(await evidenceOf(stand, 'existing')).toEqual(existing === 0 ? [] : ['own_write_or_existing']);
        expect(await evidenceOf(stand, 'created')).toContain('own_write_lost_answer');
        const struck = (await stand.admin.faults()).reduce((sum, { injected }) => sum + injected, 0);
        expect(struck).toBeGreaterThan(10);
        expect(worker.stderr()).toBe('');
      });
    });
  });
}
