/** R2 and R17 of reliability.md: answers that never come, or say nothing; one record that only CXone refuses. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { evidenceOf, writesOf } from './looking.ts';
import { LIST, onStand, seedOf } from './stand.ts';

const POSTS = { method: 'POST', family: 'contactlists' } as const;
const STORM: readonly FaultRule[] = [
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
  [11, STORM],
  [12, STORM],
  [17, [...SILENCE, ...STORM]],
] as const) {
  // Beside each other: most of it is waiting for the next try.
  describe.concurrent(`R2, seed ${fixed}`, () => {
    const processes = useProcesses();
    it('four answers of ten are lost, half of them after the write: nobody twice, nobody lost', async () => {
      const seed = seedOf(fixed);
      await onStand(processes, { seed, faults }, async (stand) => {
        const worker = await stand.readyWorker();
        const runId = await stand.startImport(3_000);
        const result = await stand.ended(runId, 90_000);
        const { created = 0, existing = 0, in_doubt = 0, ...rest } = await stand.conserved(runId, { result });
        expect(in_doubt, 'CXone refuses duplicates: no answer stays in doubt').toBe(0);
        expect(created + existing + (rest.invalid ?? 0) + (rest.duplicate ?? 0)).toBe(rest.total);
        // A 409 that is cut off too names nobody: then nobody can tell, and the ledger says just that.
        expect(await evidenceOf(stand, 'existing')).toEqual(existing === 0 ? [] : ['own_write_or_existing']);
        expect(await evidenceOf(stand, 'created')).toContain('own_write_lost_answer');
        const struck = (await stand.admin.faults()).reduce((sum, { injected }) => sum + injected, 0);
        expect(struck).toBeGreaterThan(10);
        expect(worker.stderr()).toBe('');
      });
    });
  });
}

describe('R17', () => {
  const processes = useProcesses();
  it('one record of a hundred that only CXone refuses, and nobody says which, is found by halving', async () => {
    await onStand(processes, { simulatorArgs: ['--naming', 'none'] }, async (stand) => {
      const path = join(stand.folder, 'hundred.csv');
      const number = (n: number) => `+1212555${String(100 + n).padStart(4, '0')}`;
      const rows = Array.from({ length: 100 }, (_, n) => `c${n},${number(n)},2026-01-01,confirmed`);
      writeFileSync(path, ['contactId,phone,consentTimestamp,optInStatus', ...rows].join('\n'));
      await stand.admin.change({ blockedNumbers: [number(37)] });
      await stand.readyWorker();
      const { source } = await stand.client().stageFile(path);
      const { runId } = await stand.client().startContactImport({ listId: LIST, source });
      const result = await stand.ended(runId, 30_000);
      expect(result.counts).toEqual({ total: 100, pending: 0, created: 99, rejected: 1 });
      await stand.conserved(runId, { result });
      const extra = (await writesOf(stand)).length - 1;
      expect(extra).toBeLessThanOrEqual(2 * Math.log2(100) + 1);
      for await (const { line, fields } of stand.client().ledger.records.list(1, 'rejected')) {
        expect({ line, contactId: fields.contactId }).toEqual({ line: 39, contactId: 'c37' });
      }
    });
  });
});
