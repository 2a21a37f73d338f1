/** What the ledger's JSON says about a run, read carefully: an older cxflow may have written it. */
import { z } from 'zod';
import type { ContactImportResult } from '../contract/contact-import.ts';
import type { Run } from '../ledger/runs/runs.ts';

export interface RunFailure {
  readonly type: string;
  readonly message: string;
}

const REASON_COUNT = z.object({ code: z.string(), field: z.string().nullish(), n: z.number() });
const PLAN = z.looseObject({
  hash: z.string(),
  total: z.number(),
  toWrite: z.number(),
  invalid: z.number(),
  duplicate: z.number(),
  batches: z.number(),
  list: z.string(),
  options: z.looseObject({ existing: z.string().optional() }).nullish(),
  reasons: z.array(REASON_COUNT).optional(),
  estimatedSeconds: z.number().nullish(),
  changes: z.array(z.string()).optional(),
  lookups: z.looseObject({ requests: z.number(), withoutContactId: z.number() }).nullish(),
  conflicts: z.number().optional(),
});
export type Plan = z.infer<typeof PLAN>;

const FAILURE = z.looseObject({ type: z.string(), message: z.string() });

export function planOf(run: Pick<Run, 'plan'>): Plan | null {
  return PLAN.safeParse(run.plan).data ?? null;
}

export function failureOfRun(run: Pick<Run, 'failure'>): RunFailure | null {
  return FAILURE.safeParse(run.failure).data ?? null;
}

/** Ours to trust: only the worker writes it, as the contract says. */
export function resultOf(run: Pick<Run, 'result'>): ContactImportResult | null {
  return run.result as ContactImportResult | null;
}
