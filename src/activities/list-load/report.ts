/** What a list load reports: its plan, its result, its event and its audit entry (docs/list-load.md#the-result). */
import {
  type ListLoadFigures,
  type ListLoadMetrics,
  type ListLoadResult,
  listLoad as spec,
} from '../../contract/list-load.ts';
import type { BulkResult } from '../../contract/run.ts';
import { OUTSIDE_CALLING_HOURS } from '../../domain/list-load/hours-codes.ts';
import { type Counts, countSuccesses, type RunState } from '../../domain/run.ts';
import { TIME_ZONE_UNKNOWN } from '../../domain/time-zones.ts';
import type { SuppressionSnapshot } from '../../ledger/consent/suppression-snapshots.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { OutboxEvent } from '../../ledger/outbox/outbox.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SUPPRESSED } from '../consent/suppression.ts';
import { inChunks } from '../engine/chunks.ts';
import type { AuditEntry } from '../engine/definition.ts';
import { runInput } from '../engine/run-input.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import type { Reserved } from './capacity.ts';
import { findSuppressedItems, ON_CXONES_LIST, RECORDS_PER_CHUNK } from './screen.ts';
import type { ListLoadDeps } from './settings.ts';

/** Once room is reserved. */
export async function describePlan(
  ledger: Ledger,
  run: Run,
  { capacity, reserved }: Reserved,
  snapshot: SuppressionSnapshot,
): Promise<ListLoadFigures> {
  const { pending, created = 0 } = await ledger.runs.exactCounts(run.run_no);
  const { current, max } = capacity;
  // Before the whole run: what it had created before it was started again is in the campaign already.
  const before = Math.max(0, current - created);
  return {
    capacity: { before, after: current + pending, max, reserved },
    suppressions: describeSnapshot(snapshot),
    suppressed: await countSuppressed(ledger, run),
    scores: await ledger.records.countScores(run.run_no),
  };
}

function describeSnapshot({ hash, figures }: SuppressionSnapshot): ListLoadFigures['suppressions'] {
  const { entries, unidentified, fileRows } = figures;
  return { hash, entries, unidentified, fileRows };
}

async function countSuppressed(ledger: Ledger, run: Run): Promise<ListLoadFigures['suppressed']> {
  const reasons = await ledger.records.countReasons(run.run_no);
  return reasons
    .filter(({ outcome }) => outcome === 'suppressed')
    .flatMap(({ code, field, n }): ListLoadFigures['suppressed'][number][] => {
      if (code === ON_CXONES_LIST) return [{ list: 'cxone', by: field ?? 'unknown', n }];
      return code === SUPPRESSED.code ? [{ list: 'own', by: field ?? 'contact id', n }] : [];
    });
}

type OwnResult = Omit<ListLoadResult, Exclude<keyof BulkResult, 'kind'>>;

export async function describeResult(deps: ListLoadDeps, run: Run, counts: Counts): Promise<OwnResult> {
  const { ledger } = deps;
  const { listId, campaignId } = runInput(spec, run);
  const outsideHours = await countOutsideHours(ledger, run);
  const figures = (run.plan as { readonly figures?: ListLoadFigures } | null)?.figures;
  const snapshot = await ledger.suppressionSnapshots.latest(run.run_no);
  return {
    kind: 'listLoad',
    listId,
    campaignId,
    capacity: figures ? addCreated(figures.capacity, counts) : null,
    suppressions: snapshot?.isAccepted
      ? { ...describeSnapshot(snapshot), readAt: snapshot.begunAt.toISOString() }
      : null,
    objectedSince: counts.created
      ? await countObjections(deps, run, { snapshot, planned: figures?.suppressions.hash })
      : 0,
    outsideHours,
    metrics: await measure(ledger, run, { counts, outsideHours }),
  };
}

/** Nobody can take an item back, so somebody has to see to these people. */
async function countObjections(
  { ledger, draining }: ListLoadDeps,
  run: Run,
  {
    snapshot,
    planned,
  }: { readonly snapshot: SuppressionSnapshot | null; readonly planned: string | undefined },
): Promise<number | null> {
  // One that was refused, or emptied already, does not say who is missing on it.
  if (!snapshot?.isAccepted) return null;
  // The common case: what the plan relied on is all that is known.
  if (snapshot.hash === planned && (await ledger.suppressions.isEmpty())) return 0;
  let n = 0;
  const created = ledger.records.listCreated(run.run_no);
  for await (const chunk of inChunks(created, { items: RECORDS_PER_CHUNK })) {
    await throwIfStopping(draining);
    n += (await findSuppressedItems(ledger, snapshot.snapshotNo, chunk)).size;
  }
  return n;
}

/** Before the load, and after what it has created: CXone is not asked again, since others may have changed the campaign too. */
function addCreated({ before, max }: ListLoadFigures['capacity'], { created = 0 }: Counts) {
  return { before, after: before + created, max };
}

/** The body of `list_update_complete` (docs/cxone-contract.md#webhook-events). */
export async function renderEvent(ledger: Ledger, run: Run, event: OutboxEvent): Promise<string> {
  const { listId, campaignId } = runInput(spec, run);
  const counts = await ledger.runs.exactCounts(run.run_no);
  const outsideHours = await countOutsideHours(ledger, run);
  return JSON.stringify({
    id: event.event_id,
    event: event.event,
    timestamp: event.created_at.toISOString(),
    runId: run.run_id,
    listId,
    campaignId,
    metrics: await measure(ledger, run, { counts, outsideHours }),
  });
}

/** Once for a run: when all of it is uploaded, or it is cancelled in the middle. Null: it may go on, or has uploaded nothing. */
export function describeUpload(run: Run, state: RunState, result: BulkResult): AuditEntry | null {
  const { listId, campaignId, metrics } = result as ListLoadResult;
  const { deduplicationRate, successes, conflicts, failures } = metrics;
  // Not those that had no room, were cancelled, or were rejected for the hour.
  const sent = successes + failures;
  const isUpload = state === 'completed' || (state === 'cancelled' && sent > 0);
  if (run.dry_run || !isUpload) return null;
  return {
    action: 'BULK_UPLOAD',
    data: {
      listId,
      campaignId,
      recordsProcessed: sent,
      deduplicationRate,
      successCount: successes,
      conflictCount: conflicts,
    },
  };
}

async function measure(
  ledger: Ledger,
  run: Run,
  { counts, outsideHours }: { readonly counts: Counts; readonly outsideHours: number },
): Promise<ListLoadMetrics> {
  const { total, duplicate = 0, suppressed = 0, invalid = 0, cancelled = 0 } = counts;
  const { existing = 0, rejected = 0, in_doubt: inDoubt = 0 } = counts;
  const successes = countSuccesses(counts);
  const refused = rejected - outsideHours;
  return {
    rawIngested: total,
    uniqueProcessed: total - invalid - suppressed - duplicate,
    deduplicationRate: `${(total === 0 ? 0 : (duplicate / total) * 100).toFixed(2)}%`,
    throughputPerMinute: (await measureThroughput(ledger, run, successes + refused)).toFixed(1),
    successes,
    conflicts: existing,
    failures: refused + inDoubt,
    suppressed,
    invalid,
    cancelled,
  };
}

/** Each has exactly one reason. CXone was not asked about them. */
async function countOutsideHours(ledger: Ledger, run: Run): Promise<number> {
  const reasons = await ledger.records.countReasons(run.run_no);
  return reasons
    .filter(({ outcome, code }) => outcome === 'rejected' && OUTSIDE_HOURS_CODES.includes(code))
    .reduce((sum, { n }) => sum + n, 0);
}

const OUTSIDE_HOURS_CODES: readonly string[] = [OUTSIDE_CALLING_HOURS, TIME_ZONE_UNKNOWN];

/** Records per minute, from the first request to the last answer. One request that takes no time counts as a millisecond. */
async function measureThroughput(ledger: Ledger, run: Run, answered: number): Promise<number> {
  const period = await ledger.reports.writingPeriod(run.run_no);
  if (period === null) return 0;
  return (answered * 60_000) / Math.max(1, period.to.getTime() - period.from.getTime());
}
