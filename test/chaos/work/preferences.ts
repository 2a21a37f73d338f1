/** One preference update under chaos: even rows opt in, odd rows object. */
import { expect } from 'vitest';
import type { Stand } from '../../faults/stand.ts';
import type { PreferencePlan } from '../plan.ts';
import { guid, optedOut } from './people.ts';
import type { Ended, Work } from './work.ts';

export async function startPreferenceUpdate(
  stand: Stand,
  plan: PreferencePlan,
  approval: boolean,
): Promise<Work> {
  const { rows, withdrawn } = plan;
  // Even numbers, because only opt-ins can conflict with a withdrawal.
  if (withdrawn > 0)
    await stand.admin.seedPreferences(Array.from({ length: withdrawn }, (_, n) => optedOut(2 * n)));
  const { source } = await stand.client().stageRows(rowsOf(plan));
  const input = { source, approval } as const;
  const { runId } = await stand.client().startPreferenceUpdate(input);
  return {
    runIds: [runId],
    progress: async () => ((await stand.admin.health()).applied - withdrawn) / rows.valid,
    startAgain: async () => (await stand.client().startPreferenceUpdate(input)).runId,
    check: async ([ended]) => {
      if (!ended) return;
      expectRightCounts(plan, ended);
      await expectObjectionsKept(stand, plan);
    },
  };
}

function rowsOf({ rows }: PreferencePlan) {
  const valid = Array.from({ length: rows.valid }, (_, n) => rowAt(n, '2025-03-01T00:00:00Z'));
  const wrong = { regulatoryRegion: 'MARS' };
  const invalid = Array.from({ length: rows.invalid }, (_, n) => ({
    ...rowAt(2 * n, '2025-03-01T00:00:00Z'),
    ...wrong,
  }));
  const older = Array.from({ length: rows.duplicate }, (_, n) => rowAt(n, '2025-02-01T00:00:00Z'));
  return [...valid, ...invalid, ...older];
}

function rowAt(n: number, at: string) {
  const optIn = n % 2 === 0;
  return {
    contactId: guid(n),
    channel: 'email',
    optIn,
    consentTimestamp: optIn ? at : '2025-01-01T00:00:00Z',
    withdrawalTimestamp: optIn ? null : at,
    regulatoryRegion: 'GDPR',
    source: 'chaos',
  };
}

function expectRightCounts({ rows, withdrawn }: PreferencePlan, { state, counts }: Ended): void {
  const { updated = 0, conflict = 0, cancelled = 0, in_doubt: inDoubt = 0, rejected = 0 } = counts;
  const { invalid = 0, duplicate = 0 } = counts;
  expect({
    settled: updated + conflict + cancelled + inDoubt,
    wrong: invalid + rejected,
    duplicate,
  }).toEqual({ settled: rows.valid, wrong: rows.invalid, duplicate: rows.duplicate });
  if (state === 'cancelled') return;
  expect({ conflict, cancelled, inDoubt }, state).toEqual({ conflict: withdrawn, cancelled: 0, inDoubt: 0 });
}

/** However the run ended, every objection that was staged is on our suppression list. */
async function expectObjectionsKept(stand: Stand, { rows }: PreferencePlan): Promise<void> {
  const objecting = Array.from({ length: Math.floor(rows.valid / 2) }, (_, n) => guid(2 * n + 1));
  const suppressed = await stand.client().ledger.suppressions.find(objecting, ['email']);
  const kept = new Set(suppressed.map(({ contactId }) => contactId));
  expect(
    objecting.filter((id) => !kept.has(id)),
    'objections that are not on our suppression list',
  ).toEqual([]);
}
