/** Preferences under lost answers and kill -9: every repetition of a batch has the same idempotency key and the same bytes. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import { openDatabase } from '../../src/ledger/database.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { guid } from '../chaos/work/people.ts';
import { useProcesses } from '../harness/processes.ts';
import { chooseSeed, createRandom, onStand, type Stand, until } from './stand.ts';

const POSTS = { method: 'POST', family: 'preferences' } as const;
const LOST_ANSWERS: readonly FaultRule[] = [
  { match: POSTS, probability: 0.15, fault: { reset: 'after' } },
  { match: POSTS, probability: 0.07, fault: { reset: 'before' } },
  { match: POSTS, probability: 0.1, fault: { status: 503, when: 'after' } },
  { match: POSTS, probability: 0.1, fault: { truncate: true } },
  { match: { method: 'GET', family: 'preferences' }, probability: 0.01, fault: { status: 503 } },
];

/** One in four opts in and needs the guard; one in twenty objects without the date that CXone requires. */
function rowOf(n: number) {
  const optIn = n % 4 === 0;
  return {
    contactId: guid(n),
    channel: 'email',
    optIn,
    consentTimestamp: n % 20 === 1 ? null : '2025-02-01T00:00:00Z',
    withdrawalTimestamp: optIn ? null : '2025-03-01T00:00:00Z',
    regulatoryRegion: 'GDPR',
    source: 'fault-test',
  };
}

async function start(stand: Stand, rows: number): Promise<string> {
  const { source } = await stand.client().stageRows(Array.from({ length: rows }, (_, n) => rowOf(n)));
  const { runId } = await stand.client().startPreferenceUpdate({ source });
  return runId;
}

const applied = async (stand: Stand): Promise<number> =>
  (await stand.admin.preferenceJournal()).filter(({ action }) => action === 'update').length;

describe('preferences', () => {
  const processes = useProcesses();
  it('are applied once each although answers are lost and workers killed, and no objection is lost', async () => {
    const seed = chooseSeed(61);
    const random = createRandom(seed);
    await onStand(processes, { seed, faults: LOST_ANSWERS, latencyMs: 5 }, async (stand) => {
      const rows = 2_000;
      let worker = await stand.readyWorker();
      const runId = await start(stand, rows);
      for (const at of [random(100, 400), random(600, 1_200)]) {
        await until(
          () => applied(stand),
          (n) => n >= at,
        );
        await worker.kill();
        worker = await stand.readyWorker();
      }
      const result = (await stand.ended(runId)) as unknown as PreferenceUpdateResult;
      const undated = rows / 20;
      expect(result).toMatchObject({
        counts: { total: rows, pending: 0, updated: rows - undated, rejected: undated },
        violations: undated,
        suppressions: undated,
        complianceRatePercent: 95,
      });
      await stand.conserved(runId, { result });
      await expectSameBytes(stand);
      const suppressed = await stand.client().ledger.suppressions.find([guid(1), guid(2)], ['email']);
      // An objection takes effect when it is staged, whether CXone accepts it later or not.
      expect(suppressed.map(({ contactId }) => contactId).sort()).toEqual([guid(1), guid(2)]);
    });
  });
});

/** CXone answers 422 if a known key comes with another body. */
async function expectSameBytes(stand: Stand): Promise<void> {
  const { requests } = await stand.admin.stats();
  const byStatus = requests['POST /api/v2/preferences/batch'] ?? {};
  expect(byStatus['422'] ?? 0, 'requests with a known key and another body').toBe(0);
  const database = openDatabase(stand.databaseUrl, 1);
  const { rows } = await sql<{ repeated: number }>`
    select count(*) filter (where lost_answers > 0)::int as repeated from writes`.execute(database.db);
  await database.close();
  expect(rows[0]?.repeated, 'writes whose answer was lost').toBeGreaterThan(3);
}
