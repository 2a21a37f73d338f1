/** What the exit code of a command means to a script. Pure. */
import { type Counts, NEEDS_ATTENTION, type RunState } from '../domain/run.ts';

export const EXIT = {
  ok: 0,
  /** The run failed, a decision was refused, or a server does not answer. */
  failed: 1,
  /** Wrong usage, or input that cannot be read. */
  usage: 2,
  /** The run completed, but some of its records are invalid, rejected, in conflict or in doubt, or it left something else to do. */
  needsAttention: 3,
  /** The plan was rejected or the run was cancelled. */
  stopped: 4,
  /** Ctrl-C, as shells report it (128 + SIGINT): nobody watches any more, and the run continues. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A run that is still `running` is a success: the user chose not to wait for it. */
export function exitCodeOfRun(state: RunState | 'running', counts: Partial<Counts>): ExitCode {
  if (state === 'failed') return EXIT.failed;
  if (state === 'rejected' || state === 'cancelled') return EXIT.stopped;
  const needsAttention = NEEDS_ATTENTION.some((outcome) => (counts[outcome] ?? 0) > 0);
  return state === 'completed' && needsAttention ? EXIT.needsAttention : EXIT.ok;
}
