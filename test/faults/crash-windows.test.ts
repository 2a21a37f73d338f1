/** R3 of reliability.md: a worker that ends exactly between two durable facts of one write (CXFLOW_CRASH_AT). */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { Checkpoint } from '../../src/activities/pages.ts';
import { useProcesses } from '../harness/processes.ts';
import { evidenceOf, query, writesOf } from './looking.ts';
import { onStand, type Stand } from './stand.ts';

const processes = useProcesses();

interface Met {
  readonly state: string;
  readonly settled: number;
  readonly applied: number;
}

/** The worker dies at the third passing; then what the ledger and CXone have, and how the run ends without it. */
async function crash(stand: Stand, point: Checkpoint): Promise<Met> {
  const runId = await stand.startImport(600);
  const doomed = stand.worker({ CXFLOW_CRASH_AT: `${point}:3`, CXFLOW_MAX_IN_FLIGHT: '1' });
  expect(await doomed.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const { rows } = await query(stand, (db) =>
    sql<{ state: string; settled: number }>`
      select (array_agg(state order by batch) filter (where attempts > 0))[3] as state,
        count(*) filter (where state = 'settled')::int as settled from operations`.execute(db),
  );
  const { applied } = await stand.admin.health();
  await stand.readyWorker();
  const result = await stand.ended(runId, 60_000);
  const counts = await stand.conserved(runId, { result });
  expect(counts.created, `${point}: all of the valid are created`).toBe(
    counts.total - (counts.invalid ?? 0) - (counts.duplicate ?? 0),
  );
  return { state: rows[0]?.state ?? '', settled: rows[0]?.settled ?? 0, applied };
}

/** Mostly waiting for leases, so the three windows wait together. */
it('R3: a worker killed in any of the three windows of a write loses nothing and writes nobody twice', async () => {
  const between = (point: Checkpoint, met: (stand: Stand, met: Met) => Promise<void>) =>
    onStand(processes, {}, async (stand) => met(stand, await crash(stand, point)));
  await Promise.all([
    between('after-claim', async (stand, { applied, ...met }) => {
      expect(met, 'between claim and request').toEqual({ state: 'sending', settled: 2 });
      expect(applied, 'the third batch had not left').toBe(200);
      expect(await evidenceOf(stand, 'created'), 'a 200: it had not been applied').toEqual([]);
    }),
    between('after-answer', async (stand, { applied, ...met }) => {
      expect(met, 'between answer and settlement').toEqual({ state: 'sending', settled: 2 });
      expect(applied, 'the third batch had been applied').toBe(300);
      expect(await evidenceOf(stand, 'created'), 'a 409 that names all').toEqual(['own_write_lost_answer']);
    }),
    between('after-settle', async (stand, { applied, ...met }) => {
      expect(met, 'between settlement and the end of the activity').toEqual({ state: 'settled', settled: 3 });
      expect(applied).toBe(300);
      expect(await writesOf(stand), 'nothing is sent again').toHaveLength(6);
    }),
  ]);
});
