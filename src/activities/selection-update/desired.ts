/** From the input to the desired selection: base and desired side of the merge, and the plan that people see. */
import { BREAKS_RULES, fatalFailure } from '../../contract/failures.ts';
import type { SelectionUpdateInput } from '../../contract/selection-update.ts';
import { type ConflictSide, isGivenSide, type ShownConflict, toSide } from '../../contract/steering.ts';
import { applyChange, describeMissing, fitProblems } from '../../domain/selection-update/change.ts';
import {
  type Difference,
  describeDifference,
  describeValue,
  diffSelections,
  isShown,
  redactDifference,
  redactValue,
} from '../../domain/selection-update/diff.ts';
import {
  type Conflict,
  type Disputed,
  type Merged,
  mergeSelections,
  type ResolveConflict,
  type ResolvedConflict,
} from '../../domain/selection-update/merge.ts';
import { isWithin } from '../../domain/selection-update/places.ts';
import {
  type ContactSelection,
  describeProblem,
  exclusionProblems,
  limitProblems,
  type Problem,
  readSelection,
} from '../../domain/selection-update/selection.ts';
import { sizeProblems } from '../../domain/selection-update/size.ts';
import { shorten, shortenList } from '../../domain/shorten.ts';
import { canonicalize, sha256 } from '../../ledger/hashing.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { CampaignKey, Snapshot } from '../../ledger/selections/campaigns.ts';
import type { Plan } from '../engine/plan.ts';

export interface Desired {
  readonly base: ContactSelection;
  readonly ours: ContactSelection;
  /** Id of the base in the ledger. */
  readonly baseSnapshot: string;
}

/** One answer of a person: which side counts, for each conflict that they saw. */
export interface Answer {
  readonly places: readonly { readonly place: string; readonly hash: string; readonly side: ConflictSide }[];
  /** Who answered, and why; for the audit. */
  readonly by?: string;
  readonly reason?: string;
}

/** What people answered, conflict by conflict. */
export type Answered = readonly (Answer['places'][number] & Omit<Answer, 'places'>)[];

export const toAnswered = (answers: readonly Answer[]): Answered =>
  answers.flatMap(({ places, ...who }) => places.map((each) => ({ ...each, ...who })));

/** For the audit: whose change counted at a place that both had changed, and who decided it. `by` is null for the policy. */
export interface ResolvedPlace {
  readonly place: string;
  readonly side: ConflictSide;
  readonly by: string | null;
  readonly reason?: string;
}

/** Plans and conflicts travel through the history and are shown in Temporal's Web UI; the ledger has the values. */
const MAX_CHANGES_SHOWN = 100;
const MAX_PROBLEMS_SHOWN = 10;
const MAX_LINE_LENGTH = 300;
const MAX_VALUE_LENGTH = 200;

/** Throws InvalidInput if the input does not fit the campaign. */
export async function resolveDesired(
  ledger: Ledger,
  key: CampaignKey,
  input: SelectionUpdateInput,
  fresh: Snapshot,
): Promise<Desired> {
  const seen = readSelection(fresh.selection);
  if (input.rollbackOf !== undefined) return rollback(ledger, key, input.rollbackOf, fresh);
  if (input.change) {
    const misfits = fitProblems(seen, input.change);
    if (misfits.length > 0) {
      const message = `the change does not fit campaign ${key.campaignId}: ${describeProblems(misfits)}`;
      throw fatalFailure('InvalidInput', message, BREAKS_RULES);
    }
    const ours = applyChange(seen, input.change);
    const path = 'contactSelection';
    const problems = [...sizeProblems(ours, path), ...limitProblems(ours, path)];
    if (problems.length > 0) throw breaksRules('with the change', problems);
    return { base: seen, ours, baseSnapshot: fresh.id };
  }
  const from = await baseOf(ledger, key, input.baseVersion, fresh);
  const [base, ours] = [readSelection(from.selection), readSelection(input.selection)];
  const exclusions = exclusionProblems(ours.filterRules, base.filterRules, 'selection');
  if (exclusions.length > 0) throw breaksRules('in the desired selection', exclusions);
  return { base, ours, baseSnapshot: from.id };
}

async function baseOf(
  ledger: Ledger,
  key: CampaignKey,
  version: number | undefined,
  fresh: Snapshot,
): Promise<Snapshot> {
  if (version === undefined || version === fresh.version) return fresh;
  const kept = await ledger.campaigns.findVersion(key, version);
  if (kept) return kept;
  const message =
    `version ${version} of campaign ${key.campaignId} (baseVersion) was never read by this cxflow, and the campaign is ` +
    `at ${fresh.version} now, so the changes in between are unknown. Read it again (cxflow: selection show)`;
  throw fatalFailure('InvalidInput', message);
}

/** Reversed: from what that run wrote to what was there before it. */
async function rollback(ledger: Ledger, key: CampaignKey, runId: string, fresh: Snapshot): Promise<Desired> {
  const run = await ledger.runs.find(runId);
  const old = run && (await ledger.selections.find(run.run_no));
  if (!old || old.from_snapshot === null || old.version_after === null)
    throw fatalFailure('InvalidInput', `run ${runId} wrote no selection: there is nothing to roll back`);
  if (old.campaign_id !== key.campaignId)
    throw fatalFailure(
      'InvalidInput',
      `run ${runId} wrote campaign ${old.campaign_id}, not ${key.campaignId}`,
    );
  const before = await ledger.campaigns.getSnapshot(old.from_snapshot);
  return {
    base: readSelection(old.sent),
    ours: readSelection(before.selection),
    // What that run wrote may never have been read since; where the campaign stands now is what people look for.
    baseSnapshot: fresh.id,
  };
}

/** What would be written now. Conflicts of this moment are shown; they are resolved when it is written. */
export function planSelection(desired: Desired, fresh: Snapshot, input: SelectionUpdateInput): Plan {
  const { base, ours } = desired;
  const { differences, conflicts } = planMerge({ base, theirs: readSelection(fresh.selection), ours }, input);
  const { onConflict = 'merge' } = input;
  const lines = differences.map((difference) =>
    shorten(describeDifference(redactDifference(difference)), MAX_LINE_LENGTH),
  );
  // The differences are part of it: the same desired selection is another plan once others have changed the campaign.
  const meant = { campaignId: fresh.campaignId, base, ours, onConflict, differences, conflicts };
  return {
    hash: sha256(canonicalize(meant)).slice(0, 16),
    list: fresh.campaignId,
    total: 1,
    toWrite: differences.length > 0 ? 1 : 0,
    ...(differences.length === 0 && { existing: 1 }),
    invalid: 0,
    duplicate: 0,
    batches: differences.length > 0 ? 1 : 0,
    pageBatches: 1,
    estimatedSeconds: null,
    options: { onConflict, version: fresh.version, snapshot: fresh.id },
    changes: [
      ...shortenList(lines, MAX_CHANGES_SHOWN),
      ...shortenList(conflicts.map(describeConflict), MAX_CHANGES_SHOWN),
      ...(input.change ? shortenList(describeMissing(base, input.change), MAX_CHANGES_SHOWN) : []),
    ],
    ...(conflicts.length > 0 && { conflicts: conflicts.length }),
    reasons: [],
  };
}

type Sides = Readonly<Record<'base' | 'theirs' | 'ours', ContactSelection>>;

function planMerge(sides: Sides, input: SelectionUpdateInput) {
  const merged = mergeDesired(sides, input, []);
  if (merged.kind === 'broken') throw breaksRules('as CXone has it', merged.problems);
  const { base, theirs, ours } = sides;
  if (merged.kind === 'conflict') return { differences: diffSelections(base, ours), conflicts: merged.open };
  return { differences: diffSelections(theirs, merged.selection), conflicts: [] };
}

/**
 * Would anything be written that the plan did not show? Others may have undone since what both sides had changed alike.
 * Conflicts that a person answered were shown to them.
 */
export function goesBeyondPlan(
  sidesAtPlan: Sides,
  input: SelectionUpdateInput,
  written: readonly Difference[],
  answered: Answered,
): boolean {
  const plannedThen = planMerge(sidesAtPlan, input).differences;
  const isAnswered = (place: string) => answered.some((answer) => isWithin(place, answer.place));
  return written.some((difference) => !isAnswered(difference.place) && !isShown(difference, plannedThen));
}

/** Merges the desired selection into what CXone has: conflicts are resolved by a person's answers first, then by the policy. */
export function mergeDesired(
  sides: Sides,
  input: SelectionUpdateInput,
  answered: Answered,
  disputed?: Disputed,
): Merged {
  const isChange = input.change !== undefined;
  return mergeSelections({ ...sides, isChange }, resolveBy(input, answered), disputed);
}

function resolveBy({ onConflict = 'merge' }: SelectionUpdateInput, answered: Answered): ResolveConflict {
  return (conflict) => {
    const answer = answerTo(conflict, answered);
    if (answer) return answer.side;
    return isGivenSide(onConflict) ? toSide(onConflict) : null;
  };
}

function answerTo(conflict: Conflict, answered: Answered): Answered[number] | undefined {
  const { place, hash } = toShown(conflict);
  return answered.find((each) => each.place === place && each.hash === hash);
}

/** Who resolved what, including who let a run continue although somebody else kept writing first. */
export function resolvedPlaces(resolved: readonly ResolvedConflict[], answered: Answered): ResolvedPlace[] {
  const places = resolved.map((conflict) => {
    const answer = answerTo(conflict, answered);
    const { place, side } = conflict;
    return answer ? resolvedBy(answer) : { place, side, by: null, reason: 'onConflict of the input' };
  });
  return [...places, ...answered.filter(({ place }) => place === WHOLE_CAMPAIGN).map(resolvedBy)];
}

function resolvedBy({ place, side, by, reason }: Answered[number]): ResolvedPlace {
  return { place, side, by: by ?? null, ...(reason !== undefined && { reason }) };
}

/** Not a place of a selection: workflows/selection-update/writing.ts asks about all of it, where others write without end. */
const WHOLE_CAMPAIGN = 'campaign';

export function toShown(conflict: Conflict): ShownConflict {
  const { place, base, theirs, ours, problem } = conflict;
  const text = (value: Conflict['base']) =>
    shorten(describeValue(redactValue(value), place), MAX_VALUE_LENGTH);
  return {
    place,
    base: text(base),
    theirs: text(theirs),
    ours: text(ours),
    ...(problem !== undefined && { problem: shorten(problem, MAX_VALUE_LENGTH) }),
    // Including the problem: an answer to one doubt is no answer to the next one at the same place.
    hash: sha256(canonicalize({ place, base, theirs, ours, problem })).slice(0, 16),
  };
}

export function describeConflict(conflict: Conflict): string {
  const { place, base, theirs, ours, problem } = toShown(conflict);
  const why = problem === undefined ? '' : ` (${problem})`;
  return `! ${place}: it was ${base}; theirs ${theirs}, ours ${ours}${why}`;
}

export function breaksRules(when: string, problems: readonly Problem[]) {
  const message = `${when}, the selection breaks the rules: ${describeProblems(problems)}`;
  return fatalFailure('InvalidInput', message, BREAKS_RULES);
}

const describeProblems = (problems: readonly Problem[]): string =>
  shortenList(problems.map(describeProblem), MAX_PROBLEMS_SHOWN).join('; ');
