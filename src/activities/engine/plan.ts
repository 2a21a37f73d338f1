/** The plan: what a run is going to write, counted and hashed. */
import { type Outcome, outcomesOf } from '../../domain/run.ts';
import { canonicalize, sha256 } from '../../ledger/hashing.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { BulkDefinition, Lookups, PlanAddition } from './definition.ts';
import { runInput } from './run-input.ts';

/** What the run is going to do, counted before anything is written. `hash` is what an approval binds to. */
export interface Plan extends Partial<Record<Outcome, number>> {
  readonly hash: string;
  readonly list: string;
  /** `toWrite` and the outcomes that records have already add up to it. Outcomes that no record has are absent. */
  readonly total: number;
  readonly toWrite: number;
  readonly invalid: number;
  readonly duplicate: number;
  /** Lookups in CXone before anything is written; absent if there are none. */
  readonly lookups?: Lookups;
  readonly batches: number;
  /** Batches of one page. */
  readonly pageBatches: number;
  /** How many pages are open at once; absent: as many as keep requests flowing (src/workflows/policies.ts). */
  readonly openPages?: 1;
  /** Whether it is checked once more when it is approved (BulkDefinition.recheck). */
  readonly isChecked?: true;
  /** At the rate limit and the spacing of batches; null if there is neither. */
  readonly estimatedSeconds: number | null;
  readonly options: unknown;
  /** What is going to change, in words; for operations that write few large things. */
  readonly changes?: readonly string[];
  /** What somebody who approves it should know; absent if there is nothing. */
  readonly notes?: readonly string[];
  /** What the operation adds (BulkDefinition.prepare); absent if it adds nothing. */
  readonly figures?: object;
  /** What the operation says about the time at which the plan was made (PlanNotes); not part of the hash. Absent: nothing. */
  readonly outlook?: object;
  /** The same figures in words, for Temporal's Web UI; the other views are made of `outlook`. */
  readonly forecast?: readonly string[];
  /** How many places somebody else has changed differently and no policy resolves; absent if there are none. */
  readonly conflicts?: number;
  readonly reasons: readonly { readonly code: string; readonly field: string | null; readonly n: number }[];
}

const MAX_BATCHES_PER_PAGE = 100;
/** At the rate limit a page takes no longer than this, which bounds how long the page of a lost worker goes unnoticed. */
const LONGEST_PAGE_SECONDS = 10;
/** A batch with lookups is hundreds of requests, so pages of few batches suffice to use the rate budget. */
const LONGEST_PAGE_WITH_LOOKUPS_SECONDS = 60;
const MAX_REASONS = 20;

/** What the spacing of batches leaves of the rate budget; 0 means unlimited. */
function limitRate(ratePerMinute: number, { writes }: BulkDefinition, requestsPerBatch: number): number {
  const intervalMs = Math.max(0, ...Object.values(writes).map(({ spacing }) => spacing?.intervalMs ?? 0));
  const spaced = intervalMs === 0 ? Infinity : (60_000 / intervalMs) * requestsPerBatch;
  const limited = Math.min(ratePerMinute === 0 ? Infinity : ratePerMinute, spaced);
  return limited === Infinity ? 0 : limited;
}

export function pageBatches(ratePerMinute: number, requestsPerBatch = 1): number {
  if (ratePerMinute === 0) return MAX_BATCHES_PER_PAGE;
  const seconds = requestsPerBatch > 1 ? LONGEST_PAGE_WITH_LOOKUPS_SECONDS : LONGEST_PAGE_SECONDS;
  const batches = Math.floor((ratePerMinute * seconds) / 60 / requestsPerBatch);
  return Math.max(1, Math.min(MAX_BATCHES_PER_PAGE, batches));
}

interface PlanDeps {
  readonly ledger: Ledger;
  readonly ratePerMinute: number;
}

interface Prepared {
  readonly batches: number;
  readonly addition: PlanAddition | undefined;
  /** Beside those of the operation. */
  readonly notes?: readonly string[];
}

export async function countPlan(
  { ledger, ratePerMinute }: PlanDeps,
  run: Run,
  definition: BulkDefinition,
  { batches, addition, notes: more = [] }: Prepared,
): Promise<Plan> {
  const counts = await ledger.runs.exactCounts(run.run_no);
  const reasons = await ledger.records.countReasons(run.run_no);
  const options = definition.spec.fingerprint(runInput(definition.spec, run));
  const lookups = await definition.countLookups?.(run);
  const described = await definition.planNotes?.(run);
  const notes = [...more, ...(described?.notes ?? []), ...(addition?.notes ?? [])];
  const plan = {
    list: run.target,
    total: counts.total,
    toWrite: counts.pending,
    ...outcomesOf(counts),
    invalid: counts.invalid ?? 0,
    duplicate: counts.duplicate ?? 0,
    ...(lookups && { lookups }),
    ...(notes.length > 0 && { notes }),
    ...(addition && { figures: addition.figures }),
    batches,
    options,
  };
  const requests = batches * (definition.requestsPerBatch ?? 1) + (lookups?.requests ?? 0);
  const requestsPerBatch = batches === 0 ? 1 : requests / batches;
  const rate = limitRate(ratePerMinute, definition, requestsPerBatch);
  return {
    ...plan,
    hash: sha256(canonicalize({ ...plan, content: run.source?.sha256 ?? null })).slice(0, 16),
    pageBatches: pageBatches(rate, requestsPerBatch),
    // Another page would send its first batch before the last one of the page before it.
    ...(definition.order === 'rank' && { openPages: 1 }),
    ...(definition.recheck && { isChecked: true }),
    ...(described?.outlook && { outlook: described.outlook }),
    ...(described?.forecast && { forecast: described.forecast }),
    estimatedSeconds: rate === 0 ? null : Math.ceil((requests * 60) / rate),
    reasons: reasons.slice(0, MAX_REASONS).map(({ code, field, n }) => ({ code, field, n })),
  };
}
