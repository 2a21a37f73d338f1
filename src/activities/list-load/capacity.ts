/** How many items the campaign still takes (docs/list-load.md#capacity). */
import { setTimeout as delay } from 'node:timers/promises';
import { fatalFailure } from '../../contract/failures.ts';
import { listLoad as spec } from '../../contract/list-load.ts';
import { type Capacity, capacityOf } from '../../domain/list-load/capacity.ts';
import { formatCount } from '../../domain/numbers.ts';
import type { Reason } from '../../domain/run.ts';
import type { CapacityAnswer, CapacityRequest } from '../../ledger/runs/capacity.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { runInput } from '../engine/run-input.ts';
import type { ListLoadDeps } from './settings.ts';

export const NO_CAPACITY: Reason = { code: 'no_capacity', message: 'the campaign has no room for it' };

/** Other runs may take what was free before it is reserved. */
const MAX_TRIES = 10;

/** What another run is sending counts twice for a moment; if its worker has died, until another one has taken over its batch. */
const LOOKS = { times: 30, everyMs: 1_000 } as const;

export interface Reserved {
  readonly capacity: Capacity;
  /** What other runs may still add. */
  readonly reserved: number;
}

/**
 * Reserves capacity for all pending records; with `fit` for the best that fit, and cancels the others. Errors: NoCapacity; those
 * of CXone.
 */
export async function reserveCapacity(deps: ListLoadDeps, run: Run): Promise<Reserved> {
  const { ledger } = deps;
  const { fit = false } = runInput(spec, run);
  const { pending } = await ledger.runs.exactCounts(run.run_no);
  const { capacity, request } = await askCampaign(deps, run);
  let planned = pending;
  for (let tries = 1; ; tries += 1) {
    const answer = await ledger.capacity.reserve(run, { ...request, planned });
    const isFull = fit && answer.room <= 0;
    if (!answer.isReserved && !isFull && (!fit || tries === MAX_TRIES))
      throw noCapacity(run, { capacity, answer, planned });
    if (!answer.isReserved && !isFull) {
      planned = answer.room;
      continue;
    }
    const room = answer.isReserved ? planned : 0;
    if (room < pending) await ledger.records.cancelBeyond(run, room, NO_CAPACITY);
    return { capacity, reserved: sumOthers(answer) };
  }
}

/**
 * How many of the records of a batch fit now: all of them, or with `fit` perhaps fewer. Errors: NoCapacity, without `fit`; those of
 * CXone; AbortError.
 */
export async function findRoom(
  deps: ListLoadDeps,
  run: Run,
  records: number,
  signal: AbortSignal,
): Promise<number> {
  const { fit = false } = runInput(spec, run);
  for (let looks = 1; ; looks += 1) {
    const { capacity, request } = await askCampaign(deps, run, signal);
    const others = sumValues(request.remainingBefore);
    const room = capacity.max - capacity.current - others;
    if (room >= records) return records;
    if (others > 0 && looks < LOOKS.times) {
      await delay(LOOKS.everyMs, undefined, { signal });
      continue;
    }
    if (fit) return Math.max(0, room);
    const answer = { room, others: [{ runId: 'other runs', remaining: others }] };
    throw noCapacity(run, { capacity, answer, planned: records });
  }
}

/** In this order, so that what another run adds between the two counts twice rather than never. */
async function askCampaign({ ledger, cxone, rateLimiter }: ListLoadDeps, run: Run, signal?: AbortSignal) {
  const { campaignId } = runInput(spec, run);
  const campaign = { tenant: rateLimiter.tenant, campaignId };
  const remainingBefore = await ledger.capacity.remaining(run.run_no, campaign);
  const size = await rateLimiter.sendWithPermit(
    () => cxone.lists.getCampaign({ campaignId, ...(signal && { signal }) }),
    signal,
  );
  const capacity = capacityOf(size);
  const { current, max } = capacity;
  const request: Omit<CapacityRequest, 'planned'> = { ...campaign, current, max, remainingBefore };
  return { capacity, request };
}

const sumValues = (numbers: ReadonlyMap<number, number>): number =>
  [...numbers.values()].reduce((sum, n) => sum + n, 0);

const sumOthers = ({ others }: Pick<CapacityAnswer, 'others'>): number =>
  others.reduce((sum, { remaining }) => sum + remaining, 0);

const MAX_RUNS_NAMED = 5;

interface Refused {
  readonly capacity: Capacity;
  readonly answer: Pick<CapacityAnswer, 'room' | 'others'>;
  readonly planned: number;
}

function noCapacity(run: Run, { capacity: { current, max }, answer: { room, others }, planned }: Refused) {
  const { campaignId } = runInput(spec, run);
  const named = others
    .slice(0, MAX_RUNS_NAMED)
    .map(({ runId, remaining }) => `${formatCount(remaining)} of ${runId}`)
    .join(', ');
  const reserved = others.length === 0 ? '' : `, and more are on their way (${named})`;
  const message =
    `campaign ${campaignId} has ${formatCount(current)} of at most ${formatCount(max)} items${reserved}: there is room for ` +
    `${formatCount(Math.max(0, room))} of ${formatCount(planned)}. Make room and start the same run again; ` +
    'or load the best that fit, with "fit": true (cxflow: --fit)';
  return fatalFailure('NoCapacity', message);
}
