/**
 * Fences of a run (docs/adr/0022-fences-of-a-run.md). A worker that was suspended may wake up after Temporal has given its
 * activity to another one, or after the run has ended or was started again. What it stores then would contradict what was
 * done meanwhile, so every transaction of a step checks that no later attempt has taken the run over.
 */
import { sql } from 'kysely';
import type { Executor } from './database.ts';

/** A run as `Runs.takeOver` returned it. */
export interface FencedRun {
  readonly run_no: number;
  readonly fence: string;
}

/** A run number alone is not fenced. Activities pass one only for what is the same whoever stores it, such as events of CXone. */
export type RunRef = number | FencedRun;

/** When Temporal scheduled an attempt, in milliseconds. Later attempts of the same run have later times. */
export type AttemptTime = number;

/** A later attempt has taken over. Nothing was changed. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
  constructor() {
    super('a later attempt has taken over the run');
  }
}

export const toRunNo = (run: RunRef): number => (typeof run === 'number' ? run : run.run_no);
export const toFence = (run: RunRef): string | null => (typeof run === 'number' ? null : run.fence);

/** Stores what `work` does in one transaction, and only if nobody has taken the run over. Errors: Superseded. */
export function fenced<T>(
  db: Executor,
  run: RunRef,
  work: (tx: Executor, runNo: number) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    const result = await work(tx, toRunNo(run));
    await assertFence(tx, run);
    return result;
  });
}

/**
 * At the end of a transaction, because the lock keeps the steering from changing. Until the commit nobody can take the run
 * over. Errors: Superseded.
 */
export async function assertFence(tx: Executor, run: RunRef): Promise<void> {
  if (typeof run === 'number') return;
  const { rows } = await sql`
    select from runs where run_no = ${run.run_no} and fence = ${run.fence}::bigint for share`.execute(tx);
  if (rows.length === 0) throw new Superseded();
}
