/** The preference updates that bring the opt-outs of an email send to CXone. Without personal data. */
import { optOutRunPrefix } from '../domain/email-send/opt-outs.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Run } from '../ledger/runs/runs.ts';

export interface OptOutRun {
  readonly runId: string;
  readonly state: Run['state'];
}

const MAX_RUNS = 20;

/** The newest first. One that no worker has begun yet is missing. */
export async function listOptOutRuns(
  { runs }: Pick<Ledger, 'runs'>,
  runId: string,
): Promise<readonly OptOutRun[]> {
  const ids = await runs.listIds(optOutRunPrefix(runId), MAX_RUNS);
  const found = await Promise.all(ids.map((id) => runs.find(id)));
  return found.flatMap((run) => (run ? [{ runId: run.run_id, state: run.state }] : []));
}
