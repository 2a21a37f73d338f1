/** Which of the open writes of a page are tried next, and how long those that are left have to wait. */
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import { type BulkDefinition, definitionOf } from './definition.ts';
import { mayBeApplied } from './prior-attempt.ts';
import { backoffMs } from './rate-limit-backoff.ts';

/** Where CXone answers some requests and loses others, those that were lost most often wait 4 s at most. */
export const MAX_DOUBLINGS = 3;
const MIN_WAIT_MS = 500;

export const mayBeTried = ({ notBefore }: OpenWrite): boolean => notBefore === null;

/** Fewest attempts first, so that lookups that fail in an outage do not keep back the objections behind them. */
export function inTurn(writes: readonly OpenWrite[], definition: BulkDefinition): readonly OpenWrite[] {
  const sorted = writes.toSorted((a, b) => turnOf(a, definition) - turnOf(b, definition));
  const lost = sorted.filter((write) => comesFirst(write, definition));
  return lost.length > 0 ? lost : sorted;
}

/** Where lost answers in a row pause the run, each is counted before anything else is sent. */
function comesFirst(write: OpenWrite, definition: BulkDefinition): boolean {
  const { pausesAfter } = definition;
  return pausesAfter !== undefined && !definitionOf(definition, write).repeatable && mayBeApplied(write);
}

/** Where records are ranked, what may have been applied goes first: it waits for nobody, and others may wait for its answer. */
function turnOf(write: OpenWrite, { order }: BulkDefinition): number {
  return order === 'rank' && mayBeApplied(write) ? -1 : write.attempts;
}

/** `leasedForMs`: how long another worker holds one of them at most. */
export function waitBeforeNextPass(left: readonly OpenWrite[], leasedForMs: number): number {
  if (left.length === 0) return 0;
  const mostLost = Math.max(...left.map(({ lostAnswers }) => lostAnswers));
  return mostLost > 0 ? backoffMs(Math.min(mostLost, MAX_DOUBLINGS)) : Math.max(leasedForMs, MIN_WAIT_MS);
}
