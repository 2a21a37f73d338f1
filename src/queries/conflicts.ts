/** The conflicts of a selection update that an operator decides about. */
import type { Progress, ShownConflict } from '../contract/steering.ts';
import { describeValue } from '../domain/selection-update/diff.ts';
import type { Conflict } from '../domain/selection-update/merge.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Run } from '../ledger/runs/runs.ts';

/** Temporal's progress query of a run; rejects when no worker answers. */
export type QueryProgress = (runId: string) => Promise<Pick<Progress, 'conflicts'>>;

/**
 * While the run waits for an answer, its worker names the conflicts that the answer will apply to; the ledger may hold
 * newer or older ones. Their values come from the ledger where the hashes match, because only there are they complete.
 */
export async function readConflicts(
  ledger: Pick<Ledger, 'selections'>,
  run: Pick<Run, 'run_id' | 'run_no' | 'phase'>,
  queryProgress: QueryProgress,
): Promise<readonly ShownConflict[]> {
  const stored = await readStoredConflicts(ledger, run.run_no);
  if (run.phase !== 'conflict') return stored;
  const progress = await queryProgress(run.run_id).catch(() => null);
  if (!progress?.conflicts) return stored;
  return progress.conflicts.map((shown) => stored.find(({ hash }) => hash === shown.hash) ?? shown);
}

async function readStoredConflicts(
  { selections }: Pick<Ledger, 'selections'>,
  runNo: number,
): Promise<readonly ShownConflict[]> {
  const update = await selections.find(runNo);
  const conflicts = (update?.conflicts ?? []) as readonly (Conflict & { readonly hash: string })[];
  return conflicts.map(({ base, theirs, ours, place, problem, hash }) => ({
    place,
    base: describeValue(base, place),
    theirs: describeValue(theirs, place),
    ours: describeValue(ours, place),
    ...(problem !== undefined && { problem }),
    hash,
  }));
}
