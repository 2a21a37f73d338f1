/** What `cxflow report` tells of a run: counts, reasons, pace, slow batches, decisions. No row, and no name of a file. */
import { z } from 'zod';
import type { Counts } from '../domain/run.ts';
import { type Bucket, MAX_MILESTONES, type SlowBatch, type Milestone } from '../ledger/runs/reports.ts';
import type { Run } from '../ledger/runs/runs.ts';
import { bucketWidthMs } from '../cli/html/times.ts';
import { findRun } from '../cli/actions/find-run.ts';
import type { ReasonCount } from '../cli/render/run-result.ts';
import { failureOfRun, planOf, resultOf, type Plan, type RunFailure } from './run-facts.ts';
import type { Session } from '../cli/session.ts';

/** Something that befell the run as a whole, or that a person said. */
export interface StoryLine {
  readonly at: Date;
  readonly action: string;
  readonly by: string | null;
  /** A decision's reason; why steering was refused. */
  readonly why: string | null;
}

export interface Timeline {
  readonly from: Date;
  readonly to: Date;
  readonly widthMs: number;
  readonly buckets: readonly Bucket[];
}

export interface RunReport {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  readonly state: Run['state'];
  readonly phase: string;
  readonly waitingFor: string | null;
  readonly dryRun: boolean;
  readonly requestedBy: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** When this was read; a run that goes on looks different a moment later. */
  readonly readAt: Date;
  readonly counts: Counts;
  readonly reasons: readonly ReasonCount[];
  readonly failure: RunFailure | null;
  readonly plan: Pick<Plan, 'hash' | 'toWrite' | 'batches'> | null;
  readonly source: { readonly format: string; readonly bytes: number; readonly sha256: string } | null;
  readonly requests: { readonly requests: number; readonly averageMs: number; readonly p95Ms: number };
  readonly repeats: number;
  readonly lostAnswers: number;
  readonly events: { readonly delivered: number; readonly undelivered: number };
  /** null: nothing was written. */
  readonly timeline: Timeline | null;
  readonly slowest: readonly SlowBatch[];
  readonly story: readonly StoryLine[];
  /** There is more of it: the first entries only. */
  readonly storyIsCut: boolean;
  readonly link: string | null;
}

const MOST_BUCKETS = 80;
const SLOWEST = 10;

/** Errors: RunNotFound, RunNotBegun. */
export async function collectReport(
  session: Session,
  runId: string,
  command: string,
  readAt: Date,
): Promise<RunReport> {
  const { runs, records, writes, outbox, reports } = session.ledger;
  const run = await findRun(session, runId, command);
  const { run_no: runNo } = run;
  const plan = planOf(run);
  const story = await reports.milestones(runId);
  return {
    ...headOf(run),
    readAt,
    counts: resultOf(run)?.counts ?? (await runs.counts(runNo)),
    reasons: await records.countReasons(runNo),
    failure: failureOfRun(run),
    plan: plan && { hash: plan.hash, toWrite: plan.toWrite, batches: plan.batches },
    requests: await writes.latencies(runNo),
    ...(await reports.countRepeats(runNo)),
    events: await outbox.countDeliveries(runNo),
    timeline: await timelineOf(session, runNo),
    slowest: await reports.slowest(runNo, SLOWEST),
    story: story.slice(0, MAX_MILESTONES).map(storyLine),
    storyIsCut: story.length > MAX_MILESTONES,
    link: session.link(runId),
  };
}

function headOf(run: Run) {
  const { source } = run;
  return {
    runId: run.run_id,
    kind: run.kind,
    target: run.target,
    state: run.state,
    phase: run.phase,
    waitingFor: run.waiting_for,
    dryRun: run.dry_run,
    requestedBy: run.requested_by,
    startedAt: run.started_at,
    finishedAt: run.finished_at,
    // People name files after people.
    source: source && { format: source.format, bytes: source.bytes, sha256: source.sha256 },
  };
}

async function timelineOf({ ledger: { reports } }: Session, runNo: number): Promise<Timeline | null> {
  const writing = await reports.writingPeriod(runNo);
  if (writing === null) return null;
  const widthMs = bucketWidthMs(writing.to.getTime() - writing.from.getTime(), MOST_BUCKETS);
  return { ...writing, widthMs, buckets: await reports.timeline(runNo, writing.from, widthMs) };
}

const STORY_DATA = z.looseObject({
  by: z.string().nullish(),
  requestedBy: z.string().nullish(),
  reason: z.string().nullish(),
  why: z.string().nullish(),
  action: z.string().nullish(),
  verdict: z.string().nullish(),
  state: z.string().nullish(),
});

/** `steering_refused` says what was refused, `resolve` how, `run_closed` as what. */
function storyLine({ at, action, data }: Milestone): StoryLine {
  const said = STORY_DATA.safeParse(data).data ?? {};
  const detail = { steering_refused: said.action, resolve: said.verdict, run_closed: said.state }[action];
  return {
    at,
    action: detail == null ? action : `${action}: ${detail}`,
    by: said.by ?? said.requestedBy ?? null,
    why: said.reason ?? said.why ?? null,
  };
}
