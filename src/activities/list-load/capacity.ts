/** How many items the campaign still takes (docs/list-load.md#capacity). */
import { setTimeout as delay } from 'node:timers/promises';
import { fatalFailure } from '../../contract/failures.ts';
import { listLoad as spec } from '../../contract/list-load.ts';
import { type Capacity, capacityOf } from '../../domain/list-load/capacity.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import type { Reason } from '../../domain/run.ts';
import type { CapacityAnswer, CapacityRequest, OtherReservation } from '../../ledger/runs/capacity.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { BoundedReads } from '../engine/bounded-reads.ts';
import { runInput } from '../engine/run-input.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import { retryableFailure } from '../failures.ts';
import { probe } from './probe.ts';
import type { ListLoadDeps } from './settings.ts';

export const NO_CAPACITY: Reason = { code: 'no_capacity', message: 'the campaign has no room for it' };

/** What was sent is on its way for a moment; if the answer was lost, until it is sent again. */
const LOOKS = { times: 5, everyMs: 1_000 } as const;
const LOOK_AGAIN_MS = 5_000;

export interface Reserved {
  readonly capacity: Capacity;
  /** What other runs may still add. */
  readonly reserved: number;
}

/**
 * Reserves capacity for all pending records; with `fit` for the best that fit, and cancels the others. Errors: NoCapacity;
 * WritesInFlight, retryable, while that depends on what a run has sent; those of BoundedReads.
 */
export async function reserveCapacity(deps: ListLoadDeps, run: Run): Promise<Reserved> {
  const { ledger, draining } = deps;
  const { pending } = await ledger.runs.exactCounts(run.run_no);
  for (let looks = 1; ; looks += 1) {
    await throwIfStopping(draining);
    const { capacity, request } = await askCampaign(deps, run);
    const reserve = (planned: number) => ledger.capacity.reserve(run, { ...request, planned });
    const all = await reserve(pending);
    const room = all.isReserved ? pending : decideRoom(run, pending, { ...all, capacity });
    const answer = room !== null && room > 0 && room < pending ? await reserve(room) : all;
    if (room === 0 || answer.isReserved) {
      if (room !== null && room < pending) await ledger.records.cancelBeyond(run, room, NO_CAPACITY);
      return { capacity, reserved: sumRemaining(answer.others) };
    }
    if (looks === LOOKS.times) throw stillOnTheWay(run, all.others);
    await delay(LOOKS.everyMs);
  }
}

/**
 * How many of the records of a batch fit now: all of them, or with `fit` perhaps fewer. Errors: as `reserveCapacity`; AbortError.
 */
export async function findRoom(
  deps: ListLoadDeps,
  run: Run,
  records: number,
  signal: AbortSignal,
): Promise<number> {
  for (let looks = 1; ; looks += 1) {
    // A lost batch of this run is sent again without asking for room, so what it takes may not be free.
    const { capacity, request, unanswered: lost } = await askCampaign(deps, run, signal);
    const others = await deps.ledger.capacity.others(run.run_no, request);
    const onTheWay = [...others, { runId: run.run_id, remaining: lost, unsent: 0 }];
    const free = capacity.max - capacity.current;
    const room = decideRoom(run, records, {
      capacity,
      others: onTheWay.filter(({ remaining }) => remaining > 0),
      room: free - sumValues(request.remainingBefore) - lost,
      roomAtMost: free - others.reduce((sum, { unsent }) => sum + unsent, 0),
    });
    if (room !== null) return room;
    if (looks === LOOKS.times) throw stillOnTheWay(run, onTheWay);
    await delay(LOOKS.everyMs, undefined, { signal });
  }
}

type Room = Pick<CapacityAnswer, 'room' | 'roomAtMost' | 'others'> & { readonly capacity: Capacity };

/**
 * How many of so many records fit; null: that depends on whether CXone's figure has what was sent without an answer so far. Whoever
 * waits for that sends what it has on its way again first, so runs never wait for each other. Only for what the calling hours put
 * off they wait longer: another run, or the run itself, sends that again when it is permitted.
 * Errors: NoCapacity.
 */
function decideRoom(run: Run, records: number, found: Room): number | null {
  const { fit = false } = runInput(spec, run);
  const fitting = Math.min(records, Math.max(0, found.roomAtMost));
  if (fitting < records && !fit) throw noCapacity(run, { ...found, planned: records });
  return fitting === 0 || fitting <= found.room ? fitting : null;
}

const reads = new BoundedReads();

/** In this order, so that what another run adds between the two counts twice rather than never. */
async function askCampaign(deps: ListLoadDeps, run: Run, signal?: AbortSignal) {
  const { cxone, ledger, rateLimiter } = deps;
  const { campaignId } = runInput(spec, run);
  const campaign = { tenant: rateLimiter.tenant, campaignId };
  const [remainingBefore, unanswered] = await Promise.all([
    ledger.capacity.remaining(run.run_no, campaign),
    ledger.capacity.unanswered(run.run_no),
  ]);
  const size = await reads.read(rateLimiter, {
    what: `the campaign ${campaignId}`,
    request: () => cxone.lists.getCampaign({ campaignId, ...(signal && { signal }) }),
    probe: () => probe(deps, run),
    signal,
  });
  const capacity = capacityOf(size);
  const { current, max } = capacity;
  const request: Omit<CapacityRequest, 'planned'> = { ...campaign, current, max, remainingBefore };
  return { capacity, request, unanswered };
}

const sumValues = (numbers: ReadonlyMap<number, number>): number =>
  [...numbers.values()].reduce((sum, n) => sum + n, 0);

const sumRemaining = (others: readonly OtherReservation[]): number =>
  others.reduce((sum, { remaining }) => sum + remaining, 0);

const MAX_RUNS_NAMED = 5;

const OWN =
  'What this run has sent itself it sends again, as soon as it may: with calling hours, that may be hours later';

const nameRuns = (others: readonly { readonly runId: string; readonly n: number }[]): string =>
  others
    .slice(0, MAX_RUNS_NAMED)
    .map(({ runId, n }) => `${formatCount(n)} of ${runId}`)
    .join(', ');

/**
 * Retried until it is known. A person who does not want to wait cancels one of the other runs; what the run itself has sent is
 * answered once it has sent it again.
 */
function stillOnTheWay(run: Run, onTheWay: readonly OtherReservation[]) {
  const sent = onTheWay.map(({ runId, remaining, unsent }) => ({ runId, n: remaining - unsent }));
  const waited = sent.filter(({ n }) => n > 0);
  const isOwn = waited.some(({ runId }) => runId === run.run_id);
  const message =
    `campaign ${runInput(spec, run).campaignId} may have received items that have no answer yet ` +
    `(${nameRuns(waited)}). Whether the records of this run fit is known once those are answered`;
  return retryableFailure('WritesInFlight', isOwn ? `${message}. ${OWN}` : message, LOOK_AGAIN_MS);
}

function noCapacity(run: Run, found: Room & { readonly planned: number }) {
  const { campaignId } = runInput(spec, run);
  const { room, others, planned } = found;
  const { current, max } = found.capacity;
  const named = nameRuns(others.map(({ runId, remaining }) => ({ runId, n: remaining })));
  const reserved = others.length === 0 ? '' : `, and more are on their way (${named})`;
  const message =
    `campaign ${campaignId} has ${formatCount(current)} of at most ${plural(max, 'item')}${reserved}: there is room for ` +
    `${formatCount(Math.max(0, room))} of ${formatCount(planned)}. Make room and start the same run again; ` +
    'or load the best that fit, with "fit": true (cxflow: --fit)';
  return fatalFailure('NoCapacity', message);
}
