/** An write as what is written and what the audit is told of it. Pure. */
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import { countOutcomes, type SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { PendingRecord } from './definition.ts';

/** Tries that were refused count as sent here: it is the earliest moment that is certain. */
export function sentSince({ attempts, sentAt }: OpenWrite, run: Run): Date {
  return attempts === 1 && sentAt ? sentAt : run.started_at;
}

/** Both are in the order of the source. Most writes need no record by itself: they are read when somebody looks. */
export function contentsOf(write: OpenWrite, payload: string) {
  const seqs = write.seqs.toSorted((a, b) => a - b);
  let read: PendingRecord[] | undefined;
  const records = (): PendingRecord[] =>
    (read ??= (JSON.parse(payload) as unknown[]).map((record, i) => ({ seq: seqs[i] ?? 0, record })));
  return { seqs, records };
}

export function auditOf(
  write: OpenWrite,
  groups: readonly SettledGroup[],
  more: Readonly<Record<string, unknown>>,
) {
  return {
    batch: write.batch,
    writeId: write.id,
    kind: write.kind,
    recordCount: write.seqs.length,
    counts: countOutcomes(groups),
    ...more,
  };
}
