/** What happened to a run as a whole and who decided it, read from the audit. Batches are left out. */
import { z } from 'zod';
import type { Refusal } from '../contract/steering.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { MAX_MILESTONES, type Milestone } from '../ledger/runs/reports.ts';

export interface HistoryEntry {
  readonly at: Date;
  /** The audited action; with what was refused, how a write was resolved, or the final state. */
  readonly action: string;
  readonly by: string | null;
  /** The reason that was given for a decision, or why it was refused. */
  readonly why: string | null;
}

export interface RunHistory {
  readonly entries: readonly HistoryEntry[];
  /** The audit has more entries than are shown here. */
  readonly isTruncated: boolean;
}

const MAX_REFUSALS = 20;

export async function readRunHistory(
  { reports }: Pick<Ledger, 'reports'>,
  runId: string,
): Promise<RunHistory> {
  const stored = await reports.milestones(runId);
  return {
    entries: stored.slice(0, MAX_MILESTONES).map(toHistoryEntry),
    isTruncated: stored.length > MAX_MILESTONES,
  };
}

/** The last decisions that made no sense when they arrived, in order. */
export async function readRefusals(
  { reports }: Pick<Ledger, 'reports'>,
  runId: string,
): Promise<readonly Refusal[]> {
  const newestFirst = await reports.refusals(runId, MAX_REFUSALS);
  return newestFirst.map(toRefusal).reverse();
}

const DATA = z.looseObject({
  by: z.string().nullish(),
  requestedBy: z.string().nullish(),
  reason: z.string().nullish(),
  why: z.string().nullish(),
  action: z.string().nullish(),
  verdict: z.string().nullish(),
  state: z.string().nullish(),
});

function toHistoryEntry({ at, action, data }: Milestone): HistoryEntry {
  const known = DATA.safeParse(data).data ?? {};
  const detail = { steering_refused: known.action, resolve: known.verdict, run_closed: known.state }[action];
  return {
    at,
    action: detail == null ? action : `${action}: ${detail}`,
    by: known.by ?? known.requestedBy ?? null,
    why: known.reason ?? known.why ?? null,
  };
}

function toRefusal({ at, data }: Milestone): Refusal {
  const { action, by, why } = DATA.safeParse(data).data ?? {};
  return { action: action ?? '', by: by ?? null, why: why ?? '', at: at.toISOString() };
}
