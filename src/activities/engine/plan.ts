/** What a run is going to write, counted and hashed. */
import { canonicalize, sha256 } from '../../ledger/hashing.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { BulkKind, LookUps } from './definition.ts';

/** What the run is going to do, counted before anything is written. `hash` is what an approval binds to. */
export interface Plan {
  readonly hash: string;
  readonly list: string;
  readonly total: number;
  readonly toWrite: number;
  readonly invalid: number;
  readonly duplicate: number;
  /** Right by our rules, and not to be sent; absent where there is none. */
  readonly rejected?: number;
  /** What is asked of CXone before it is written; absent where nothing is. */
  readonly lookUps?: LookUps;
  readonly batches: number;
  /** Batches of one page. */
  readonly pageBatches: number;
  /** At the rate budget; null where that is unlimited. */
  readonly estimatedSeconds: number | null;
  readonly options: unknown;
  /** What is going to change, in words; of kinds with few and large things to write. */
  readonly changes?: readonly string[];
  /** Changed differently by somebody else, and by no policy settled: how many; absent where there is none. */
  readonly conflicts?: number;
  readonly reasons: readonly { readonly code: string; readonly field: string | null; readonly n: number }[];
}

const MOST_BATCHES_OF_A_PAGE = 100;
/** A page is no longer than this at the rate budget: it bounds how long a lost worker's page is out of sight. */
const LONGEST_PAGE_SECONDS = 10;
/** Batches that are looked up first are hundreds of requests: pages of a few keep the line busy. */
const LONGEST_PAGE_WITH_LOOK_UPS_SECONDS = 60;
const MOST_REASONS_OF_A_PLAN = 20;

export function pageBatches(ratePerMinute: number, requestsPerBatch = 1): number {
  if (ratePerMinute === 0) return MOST_BATCHES_OF_A_PAGE;
  const seconds = requestsPerBatch > 1 ? LONGEST_PAGE_WITH_LOOK_UPS_SECONDS : LONGEST_PAGE_SECONDS;
  const batches = Math.floor((ratePerMinute * seconds) / 60 / requestsPerBatch);
  return Math.max(1, Math.min(MOST_BATCHES_OF_A_PAGE, batches));
}

export async function countPlan(
  ledger: Ledger,
  run: Run,
  kind: BulkKind,
  batches: number,
  ratePerMinute: number,
): Promise<Plan> {
  const counts = await ledger.runs.exactCounts(run.run_no);
  const reasons = await ledger.records.countReasons(run.run_no);
  const options = kind.options(run.input);
  const lookUps = await kind.lookUps?.(run);
  const plan = {
    list: run.target,
    total: counts.total,
    toWrite: counts.pending,
    invalid: counts.invalid ?? 0,
    duplicate: counts.duplicate ?? 0,
    ...(counts.rejected !== undefined && { rejected: counts.rejected }),
    ...(lookUps && { lookUps }),
    batches,
    options,
  };
  const requests = batches + (lookUps?.requests ?? 0);
  return {
    ...plan,
    hash: sha256(canonicalize({ ...plan, content: run.source?.sha256 ?? null })).slice(0, 16),
    pageBatches: pageBatches(ratePerMinute, batches === 0 ? 1 : requests / batches),
    estimatedSeconds: ratePerMinute === 0 ? null : Math.ceil((requests * 60) / ratePerMinute),
    reasons: reasons.slice(0, MOST_REASONS_OF_A_PLAN).map(({ code, field, n }) => ({ code, field, n })),
  };
}
