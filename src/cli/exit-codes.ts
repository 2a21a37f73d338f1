/** What a command's end means to a script (design.md "Contract"). Pure. */
import { type Counts, NEEDS_ATTENTION, type RunState } from '../domain/run.ts';

export const EXIT = {
  ok: 0,
  /** The run failed, a decision was refused, or something that we need does not answer. */
  failed: 1,
  /** Wrong usage, or input that cannot be read. */
  usage: 2,
  /** Completed, but records are invalid, rejected, in conflict or in doubt. */
  needsALook: 3,
  /** The plan was rejected or the run cancelled. */
  stopped: 4,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** `running`: somebody stopped watching, or asked not to watch; that is fine. */
export function exitCodeOfRun(state: RunState | 'running', counts: Partial<Counts>): ExitCode {
  if (state === 'failed') return EXIT.failed;
  if (state === 'rejected' || state === 'cancelled') return EXIT.stopped;
  const needsALook = NEEDS_ATTENTION.some((outcome) => (counts[outcome] ?? 0) > 0);
  return state === 'completed' && needsALook ? EXIT.needsALook : EXIT.ok;
}
