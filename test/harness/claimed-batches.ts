/** Every batch that reached CXone was claimed before, in a transaction that was committed. */
import { type RawBuilder, sql } from 'kysely';
import { expect } from 'vitest';
import type { Database } from '../../src/ledger/database.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { AdminClient } from '../../src/simulator/admin-client.ts';

interface Batches {
  /** Of the POST. */
  readonly path: string;
  /** Of the writes that are sent there. */
  readonly kind: string;
  /** What the simulator knows a record by (`firstRecord` of its requests), of the row `r` of `records`. */
  readonly knownBy: RawBuilder<unknown>;
  /** Runs of every target send to this path. Default: only those of the run's target. */
  readonly isForAllTargets?: boolean;
}

interface Claimed {
  readonly record: string;
  readonly claims: number;
}

/**
 * Batch by batch, identified by its first record, so that a claim that was never sent cannot account for the request of another
 * batch. Of all runs with this target. After a 401 the client repeats the request once without another claim. The simulator
 * keeps only the most recent requests, and none of those before its restart.
 */
export async function checkEachBatchWasClaimed(
  { db }: Database,
  admin: AdminClient,
  run: Run,
  { path, kind, knownBy, isForAllTargets = false }: Batches,
): Promise<void> {
  // A ledger that was restored from a backup has lost the claims made since.
  if (run.restored_at !== null) return;
  const sent = new Map<string, number>();
  for (const { method, status, path: to, firstRecord } of await admin.requests(10_000)) {
    if (method !== 'POST' || to !== path || status === 401 || firstRecord === null) continue;
    sent.set(firstRecord, (sent.get(firstRecord) ?? 0) + 1);
  }
  const { rows } = await sql<Claimed>`
    select ${knownBy} as record, sum(w.attempts)::int as claims
    from writes w join runs using (run_no) join records r on r.run_no = w.run_no and r.seq = any(w.seqs)
    where w.kind = ${kind} and runs.kind = ${run.kind} and (${isForAllTargets} or runs.target = ${run.target})
      and ${knownBy} = any(${[...sent.keys()]})
    group by 1`.execute(db);
  const claims = new Map(rows.map((row) => [row.record, row.claims]));
  const unclaimed = [...sent].filter(([record, n]) => n > (claims.get(record) ?? 0));
  expect(unclaimed, 'first records of batches that were sent more often than they were claimed').toEqual([]);
}
