/** The numbers behind the report of a run. It holds no row, no file name and nothing about a data subject. */
import { titleOf } from '../contract/operations.ts';
import { omitUndefined } from '../domain/absent.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Bucket, SlowBatch, Standstill } from '../ledger/runs/reports.ts';
import type { Run } from '../ledger/runs/runs.ts';
import { type CxoneFacts, readCxoneFacts } from './answers.ts';
import { type Latencies, type RuleChecks, readRunMeasures, readTotal, type Sums } from './metrics.ts';
import type { ReasonCount } from './run-details.ts';
import { type Plan, type RunFailure, readFailure, readPlan, readResult } from './run-facts.ts';
import { type HistoryEntry, readRunHistory } from './run-history.ts';
import { type RunSummary, summarizeRun } from './run-summary.ts';

export interface Timeline {
  readonly from: Date;
  readonly to: Date;
  readonly widthMs: number;
  readonly buckets: readonly Bucket[];
  /** Times in which nothing was settled although nobody had paused the run. */
  readonly outages: readonly Standstill[];
}

export interface RunReport extends RunSummary {
  /** `Contact import to list L1` */
  readonly title: string;
  /** When this was read, because a run that is still executing looks different a moment later. */
  readonly readAt: Date;
  readonly reasons: readonly ReasonCount[];
  readonly failure: RunFailure | null;
  readonly plan: Pick<
    Plan,
    'hash' | 'toWrite' | 'batches' | 'estimatedSeconds' | 'figures' | 'outlook'
  > | null;
  readonly source: { readonly format: string; readonly bytes: number; readonly sha256: string } | null;
  readonly requests: Latencies;
  readonly rules: RuleChecks;
  /** Over all runs of its operation so far, to compare it with. */
  readonly allRuns: Sums;
  /** What CXone says in its answers. */
  readonly cxone: CxoneFacts;
  readonly repeats: number;
  readonly lostAnswers: number;
  readonly events: { readonly delivered: number; readonly undelivered: number };
  /** Null if nothing was written. */
  readonly timeline: Timeline | null;
  readonly slowest: readonly SlowBatch[];
  readonly history: readonly HistoryEntry[];
  readonly historyIsTruncated: boolean;
  /** As the contract of its operation defines it; null until it has ended. */
  readonly result: unknown;
}

const MAX_BUCKETS = 80;
/** Longer than a worker takes to take over the pages of another one. */
const SHORTEST_OUTAGE_MS = 10_000;
const MAX_OUTAGES = 20;
const SLOWEST_BATCHES = 10;

/** Null if the ledger does not have the run. */
export async function readRunReport(
  ledger: Ledger,
  runId: string,
  readAt = new Date(),
): Promise<RunReport | null> {
  const run = await ledger.runs.find(runId);
  if (!run) return null;
  const { run_no: runNo } = run;
  const history = await readRunHistory(ledger, runId);
  return {
    ...summarizeRun(run, readResult(run)?.counts ?? (await ledger.runs.counts(runNo))),
    title: titleOf(run),
    readAt,
    reasons: await ledger.records.countReasons(runNo),
    failure: readFailure(run),
    plan: pickPlan(run),
    source: pickSource(run),
    ...(await readRunMeasures(ledger, runNo)),
    allRuns: await readTotal(ledger, { since: null, kind: run.kind }),
    cxone: await readCxoneFacts(ledger, runNo),
    ...(await ledger.reports.countRepeats(runNo)),
    events: await ledger.outbox.countDeliveries(runNo),
    timeline: await readTimeline(ledger, runNo, history.entries),
    slowest: await ledger.reports.slowest(runNo, SLOWEST_BATCHES),
    history: history.entries,
    historyIsTruncated: history.isTruncated,
    result: run.result,
  };
}

function pickPlan(run: Run): RunReport['plan'] {
  const plan = readPlan(run);
  if (!plan) return null;
  const { hash, toWrite, batches, estimatedSeconds, figures, outlook } = plan;
  return { hash, toWrite, batches, ...omitUndefined({ estimatedSeconds, figures, outlook }) };
}

/** Without the file name, because people name files after people. */
function pickSource({ source }: Run): RunReport['source'] {
  return source && { format: source.format, bytes: source.bytes, sha256: source.sha256 };
}

async function readTimeline(
  { reports }: Pick<Ledger, 'reports'>,
  runNo: number,
  history: readonly HistoryEntry[],
): Promise<Timeline | null> {
  const writing = await reports.writingPeriod(runNo);
  if (writing === null) return null;
  const widthMs = chooseBucketWidthMs(writing.to.getTime() - writing.from.getTime(), MAX_BUCKETS);
  const standstills = await reports.standstills(runNo, SHORTEST_OUTAGE_MS, MAX_OUTAGES);
  return {
    ...writing,
    widthMs,
    buckets: await reports.timeline(runNo, writing.from, widthMs),
    outages: standstills.filter(({ from, to }) => !isPausedWithin(history, from, to)),
  };
}

/** A pause explains it, or an answer for which the run has waited; both are marked as decisions. */
function isPausedWithin(history: readonly HistoryEntry[], from: Date, to: Date): boolean {
  return history.some(({ at, action }) => /^(?:pause|resume|resolve)/.test(action) && at >= from && at <= to);
}

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** Round numbers that a reader can calculate with. */
const WIDTHS_MS = [
  ...[100, 200, 500],
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600].map((s) => s * SECOND),
];

/** The smallest width with which at most `maxBuckets` buckets cover the span. */
export function chooseBucketWidthMs(spanMs: number, maxBuckets: number): number {
  const width = WIDTHS_MS.find((candidate) => spanMs / candidate <= maxBuckets);
  return width ?? Math.ceil(spanMs / maxBuckets / DAY) * DAY;
}
