/** What a run shows: the answer to the query `progress`, and its search attributes. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { Plan } from '../../activities/engine/plan.ts';
import { type CommonInput, SEARCH_ATTRIBUTES } from '../../contract/run.ts';
import type { Progress, Refusal, ShownConflict } from '../../contract/steering.ts';
import type { Counts, Phase } from '../../domain/run.ts';
import { shortenToBytes } from '../../domain/shorten.ts';
import type { Decisions } from './decision.ts';
import { by, isUnplanned } from './refusals.ts';

/** The run that is shown. */
export interface ShownRun {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  readonly input: CommonInput;
  readonly phase: Phase;
  readonly waitingFor: string | null;
  readonly since: Date;
  readonly plan: Plan | null;
  readonly counts: Counts;
  readonly conflicts: readonly ShownConflict[];
  readonly writingBegan: WritingBegan | null;
  readonly steering: { decisions(): Decisions; refusals(): readonly Refusal[] };
}

/** When this execution began to write, and how many records were pending then. */
export interface WritingBegan {
  readonly at: number;
  readonly pending: number;
}

export function describeProgress(run: ShownRun): Progress {
  return {
    runId: run.runId,
    kind: run.kind,
    phase: shownPhase(run),
    counts: run.counts,
    planHash: run.plan?.hash ?? null,
    waitingFor: describeWait(run),
    since: run.since.toISOString(),
    ...estimateEnd(run),
    refused: run.steering.refusals(),
    ...describeKeptApproval(run.steering.decisions()),
    ...(run.conflicts.length > 0 && { conflicts: run.conflicts }),
  };
}

function shownPhase({ phase, steering }: ShownRun): Phase {
  return phase === 'writing' && steering.decisions().paused ? 'paused' : phase;
}

function describeWait({ phase, waitingFor, steering }: ShownRun): string | null {
  const { cancelled, paused, keptApproval } = steering.decisions();
  if (cancelled && phase !== 'done' && phase !== 'delivering') return 'the batches in flight to be settled';
  const what =
    keptApproval && isUnplanned({ phase })
      ? `its plan, which is approved${by(keptApproval)} in advance`
      : waitingFor;
  if (!paused || phase === 'done' || phase === 'delivering') return what;
  const why = paused.reason === undefined ? '' : `: ${paused.reason}`;
  const resume = `resume (paused${by(paused)}${why})`;
  // In other phases the pause takes effect when the run is about to write.
  return phase === 'writing' || what === null ? resume : `${what}, then ${resume}`;
}

function describeKeptApproval({ keptApproval }: Decisions): Pick<Progress, 'keptApproval'> {
  if (!keptApproval) return {};
  return { keptApproval: { by: keptApproval.by ?? null, planHash: keptApproval.planHash ?? null } };
}

function estimateEnd({
  writingBegan,
  counts,
  phase,
}: ShownRun): Pick<Progress, 'recordsPerSecond' | 'estimatedEnd'> {
  const seconds = writingBegan && phase === 'writing' ? (Date.now() - writingBegan.at) / 1000 : 0;
  if (!writingBegan || seconds < 1) return { recordsPerSecond: null, estimatedEnd: null };
  // More may be pending than when it began, because messages are to be sent again.
  const recordsPerSecond = Math.max(0, Math.round((writingBegan.pending - counts.pending) / seconds));
  if (recordsPerSecond === 0) return { recordsPerSecond, estimatedEnd: null };
  const end = new Date(Date.now() + (counts.pending / recordsPerSecond) * 1000);
  return { recordsPerSecond, estimatedEnd: end.toISOString() };
}

/** `phase`: as it is shown. */
export function setSearchAttributes({ kind, target, input }: ShownRun, phase: Phase): void {
  // In the order of SEARCH_ATTRIBUTES.
  const values = [kind, target, phase, input.requestedBy ?? null];
  upsertSearchAttributes(
    SEARCH_ATTRIBUTE_KEYS.map((key, index) => ({ key, value: toKeyword(values[index] ?? null) })),
  );
}

/** The server ends a run with a value of more than 2 KB, and its databases keep 255 characters. */
const MAX_KEYWORD_BYTES = 255;
const toKeyword = (value: string | null) => value && shortenToBytes(value, MAX_KEYWORD_BYTES);
const SEARCH_ATTRIBUTE_KEYS = SEARCH_ATTRIBUTES.map((name) => defineSearchAttributeKey(name, 'KEYWORD'));
