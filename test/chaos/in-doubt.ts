/** Where requests must not be repeated, an outage leaves at most what was not settled in doubt, however long it lasts. */
import { sql } from 'kysely';
import { expect } from 'vitest';
import { mostUnsettled } from '../../src/activities/engine/rate-limiter.ts';
import { query } from '../faults/observe.ts';
import type { ChaosRun } from './chaos.ts';
import type { WorkPlan } from './plan.ts';

/** `faults`: the number of faults outside of outages, each of which may have lost one answer. */
export async function expectFewInDoubt({ stand, plan }: ChaosRun, faults: number): Promise<void> {
  if (mayRepeat(plan.work)) return;
  const { rows } = await query(stand, (db) =>
    sql<{ n: number }>`select count(*)::int as n from writes where state in ('in_doubt', 'left')`.execute(db),
  );
  const atMost = faults + plan.events.length * plan.workers * mostUnsettled(plan.inFlight);
  expect(rows[0]?.n, 'writes in doubt').toBeLessThanOrEqual(atMost);
}

function mayRepeat(work: WorkPlan): boolean {
  if (work.kind === 'emailSend') return work.idempotent;
  return !('duplicatesRefused' in work) || work.duplicatesRefused;
}
