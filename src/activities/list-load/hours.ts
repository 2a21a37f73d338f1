/** Who may not be called now, because it is outside their hours or nobody can say (docs/list-load-calling-hours.md). */
import { type ListLoadOutlook, type OutsideHours, listLoad as spec } from '../../contract/list-load.ts';
import { createCallCheck } from '../../domain/list-load/callable.ts';
import type { CallingHours } from '../../domain/list-load/calling-hours.ts';
import { OUTSIDE_CALLING_HOURS } from '../../domain/list-load/hours-codes.ts';
import type { ListItem } from '../../domain/list-load/items.ts';
import { plural } from '../../domain/numbers.ts';
import type { Reason } from '../../domain/run.ts';
import { TIME_ZONE_UNKNOWN } from '../../domain/time-zones.ts';
import { LATEST_TIMESTAMP } from '../../domain/timestamps.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { runInput } from '../engine/run-input.ts';
import type { Withheld, WriteAttempt } from '../engine/write-definition.ts';

export interface OutOfHours {
  /** With `outsideHours: "reject"`. */
  readonly withheld: ReadonlyMap<number, Withheld>;
  /** Who is waited for; LATEST_TIMESTAMP: until somebody decides. */
  readonly notBefore: ReadonlyMap<number, string>;
}

const OUTSIDE_HOURS: Reason = {
  code: OUTSIDE_CALLING_HOURS,
  message: 'outside the calling hours where the person may be',
};

/**
 * By seq, of the records of a write. Everybody else may be called now, by the clock of the ledger: it also decides when a write is
 * tried again, and with a worker's clock behind it, the write would be left for later again and again. Empty if the run has no
 * calling hours.
 */
export async function findOutOfHours(
  ledger: Pick<Ledger, 'now'>,
  { run, records, priorAttempt }: Pick<WriteAttempt, 'run' | 'records' | 'priorAttempt'>,
): Promise<OutOfHours> {
  const { callingHours, outsideHours = 'wait' } = runInput(spec, run);
  const withheld = new Map<number, Withheld>();
  const notBefore = new Map<number, string>();
  if (!callingHours) return { withheld, notBefore };
  const check = createCallCheck(callingHours, await ledger.now());
  for (const { seq, record } of records) {
    const answer = check(record as ListItem);
    if (answer.kind === 'callable') continue;
    const reason = answer.kind === 'unknown' ? answer.reason : OUTSIDE_HOURS;
    // Where somebody is does not depend on the time, so whoever may be anywhere now was withheld from every earlier attempt.
    const isNeverSent = reason.code === TIME_ZONE_UNKNOWN;
    // After a lost answer others may be in CXone, so they cannot be rejected: only a repetition shows what became of them.
    if (outsideHours === 'reject' && (priorAttempt === 'none' || isNeverSent))
      withheld.set(seq, { outcome: 'rejected', reasons: [reason], ...(isNeverSent && { isNeverSent }) });
    else notBefore.set(seq, answer.kind === 'unknown' ? LATEST_TIMESTAMP : answer.at);
  }
  return { withheld, notBefore };
}

/** What the plan says about its records, which are added one by one. */
export interface HoursForecast {
  add(item: ListItem): void;
  notes(): readonly string[];
  /** Who may be called now is none of the notes, because it changes while a plan waits for approval. */
  outlook(): ListLoadOutlook;
}

export function createForecast(
  callingHours: CallingHours,
  outsideHours: OutsideHours,
  now: Date,
): HoursForecast {
  const check = createCallCheck(callingHours, now);
  const n = { callable: 0, not_before: 0, unknown: 0 };
  // Some of whom nobody can say have a time zone, but no hours.
  let withoutZone = 0;
  let firstMoment: string | null = null;
  return {
    add(item) {
      const answer = check(item);
      n[answer.kind] += 1;
      if (answer.kind === 'unknown' && answer.reason.code === TIME_ZONE_UNKNOWN) withoutZone += 1;
      if (answer.kind === 'not_before' && (firstMoment === null || answer.at < firstMoment))
        firstMoment = answer.at;
    },
    notes: () => describeHours(outsideHours, withoutZone),
    outlook: () => ({
      at: now.toISOString(),
      callable: n.callable,
      outsideHours: n.not_before,
      firstMoment,
      unknown: n.unknown,
    }),
  };
}

function describeHours(outsideHours: OutsideHours, unknown: number): readonly string[] {
  const what = outsideHours === 'reject' ? 'is rejected' : 'waits for its first permitted moment';
  return [
    `Each batch keeps to the calling hours, by the clock where each person may be; who is outside of them ${what}. An engineering default, not legal advice`,
    ...(unknown === 0 ? [] : [describeUnknown(unknown, outsideHours)]),
  ];
}

function describeUnknown(n: number, outsideHours: OutsideHours): string {
  const records = `${plural(n, 'record')} whose time zone nobody can tell`;
  return outsideHours === 'reject'
    ? `${records} will be rejected`
    : `${records} will stay pending until the run is cancelled`;
}
