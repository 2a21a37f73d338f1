/** What the texts about a run have in common. Pure. */
import { formatCount } from '../../domain/numbers.ts';
import type { RunState } from '../../domain/run.ts';
import type { Colors } from '../terminal/output.ts';

export function stateColor(state: RunState, colors: Colors): (text: string) => string {
  const ofState = {
    completed: colors.green,
    failed: colors.red,
    rejected: colors.yellow,
    cancelled: colors.yellow,
  };
  return ofState[state];
}

export function describeEvents(events: { readonly delivered: number; readonly undelivered: number }): string {
  const waiting = events.undelivered === 0 ? '' : `, ${formatCount(events.undelivered)} not yet`;
  return `${formatCount(events.delivered)} delivered${waiting}`;
}
