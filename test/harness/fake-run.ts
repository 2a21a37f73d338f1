/** Runs and async iterables as the ledger returns them, for tests without a ledger. */
import type { Run } from '../../src/ledger/runs/runs.ts';

export function fakeRun(change: Partial<Run> = {}): Run {
  return {
    run_no: 1,
    run_id: 'contact-import:L1:abc',
    kind: 'contactImport',
    target: 'L1',
    business_key: null,
    again: false,
    dry_run: false,
    state: 'running',
    phase: 'writing',
    steering: 'go',
    fence: '0',
    steering_fence: '0',
    phase_fence: '0',
    waiting_for: null,
    requested_by: 'dana',
    input: {},
    source: null,
    staged_through: 0,
    total: null,
    plan: null,
    plan_hash: null,
    started_at: new Date('2026-03-01T10:00:00Z'),
    opened_at: new Date('2026-03-01T10:00:00Z'),
    finished_at: null,
    result: null,
    failure: null,
    purged_at: null,
    purged_counts: null,
    metrics: null,
    restored_at: null,
    claims_of_deleted_writes: 0,
    staged_counts: null,
    cancelled_records: 0,
    namespace: null,
    execution_id: null,
    ...change,
  };
}

export async function* each<T>(items: Iterable<T>): AsyncIterable<T> {
  await Promise.resolve();
  yield* items;
}

/** The answers of a run to which CXone has said nothing. */
export const noAnswers = {
  messages: () => Promise.resolve({ messages: [], notKept: 0 }),
  latest: () => Promise.resolve([]),
  summary: () => Promise.resolve({ averageMs: null, recordIds: 0 }),
};
