/** The JSON columns of a run, parsed leniently: an earlier version of cxflow may have written them. */
import { z } from 'zod';
import type { BulkResult } from '../contract/run.ts';
import { OUTCOMES, type Outcome } from '../domain/run.ts';
import type { Run } from '../ledger/runs/runs.ts';

export interface RunFailure {
  readonly type: string;
  readonly message: string;
}

const REASON_COUNT = z.object({ code: z.string(), field: z.string().nullish(), n: z.number() });
/** Of rows that are not going to be written, or have been written already. */
const PLANNED_OUTCOMES = Object.fromEntries(
  OUTCOMES.map((outcome) => [outcome, z.number().optional()]),
) as Record<Outcome, z.ZodOptional<z.ZodNumber>>;
const PLAN = z.looseObject({
  hash: z.string(),
  total: z.number(),
  toWrite: z.number(),
  ...PLANNED_OUTCOMES,
  batches: z.number(),
  options: z.looseObject({ existing: z.string().optional() }).nullish(),
  reasons: z.array(REASON_COUNT).optional(),
  estimatedSeconds: z.number().nullish(),
  changes: z.array(z.string()).optional(),
  notes: z.array(z.string()).optional(),
  figures: z.unknown().optional(),
  outlook: z.unknown().optional(),
  lookups: z.looseObject({ requests: z.number(), withoutContactId: z.number() }).nullish(),
  conflicts: z.number().optional(),
});
export type Plan = z.infer<typeof PLAN>;

const FAILURE = z.looseObject({ type: z.string(), message: z.string() });

export function readPlan(run: Pick<Run, 'plan'>): Plan | null {
  return PLAN.safeParse(run.plan).data ?? null;
}

export function readFailure(run: Pick<Run, 'failure'>): RunFailure | null {
  return FAILURE.safeParse(run.failure).data ?? null;
}

/** What every operation reports about its requests; the numbers are missing for a run that ended early. */
export type StoredResult = Pick<BulkResult, 'counts' | 'requests' | 'averageLatencyMs' | 'events'>;

/** Not validated, because only the worker writes it, as the contract defines it. */
export function readResult(run: Pick<Run, 'result'>): StoredResult | null {
  return run.result as StoredResult | null;
}
