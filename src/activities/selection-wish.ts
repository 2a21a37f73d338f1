/** From the input to what is wished: base and wish of the merge, and the plan that people see. */
import type { ConflictSide, SelectionUpdateInput, ShownConflict } from '../contract.ts';
import {
  describeDifference,
  describeValue,
  diffSelections,
  withoutPersons,
} from '../domain/selection-diff.ts';
import { type Conflict, mergeSelections, type Settle } from '../domain/selection-merge.ts';
import {
  applyChange,
  type ContactSelection,
  describeProblem,
  type Problem,
  readSelection,
  ruleProblems,
} from '../domain/selection-update.ts';
import { canonicalize, sha256 } from '../ledger/business-key.ts';
import type { CampaignKey, Snapshot } from '../ledger/campaigns.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { endsTheRun } from './failures.ts';
import type { Plan } from './runs.ts';

export interface Wish {
  readonly base: ContactSelection;
  readonly ours: ContactSelection;
  /** Where the base stands in the ledger. */
  readonly baseSnapshot: string;
}

/** Answers of a person, each for the conflict that was seen. */
export type Answered = readonly {
  readonly place: string;
  readonly hash: string;
  readonly side: ConflictSide;
}[];

const MOST_CHANGES_SHOWN = 100;

/** Errors: InvalidInput, where the input does not fit what there is. */
export async function wishOf(
  ledger: Ledger,
  key: CampaignKey,
  input: SelectionUpdateInput,
  fresh: Snapshot,
): Promise<Wish> {
  const seen = readSelection(fresh.selection);
  if (input.rollbackOf !== undefined) return rollback(ledger, key, input.rollbackOf);
  if (input.change) {
    const ours = applyChange(seen, input.change);
    const problems = ruleProblems(ours, 'contactSelection', true);
    if (problems.length > 0) throw breaksRules('with the change', problems);
    return { base: seen, ours, baseSnapshot: fresh.id };
  }
  const from = await baseOf(ledger, key, input.baseVersion, fresh);
  return { base: readSelection(from.selection), ours: readSelection(input.selection), baseSnapshot: from.id };
}

async function baseOf(
  ledger: Ledger,
  key: CampaignKey,
  version: number | undefined,
  fresh: Snapshot,
): Promise<Snapshot> {
  if (version === undefined || version === fresh.version) return fresh;
  const kept = await ledger.campaigns.atVersion(key, version);
  if (kept) return kept;
  const message =
    `version ${version} of campaign ${key.campaignId} (baseVersion) was never seen by this cxflow, and the campaign is ` +
    `at ${fresh.version} now: what others changed in between cannot be told. Look at it again (cxflow: selection show)`;
  throw endsTheRun('InvalidInput', message);
}

/** The other way round: from what that run wrote to what was there before it. */
async function rollback(ledger: Ledger, key: CampaignKey, runId: string): Promise<Wish> {
  const run = await ledger.runs.find(runId);
  const old = run && (await ledger.selections.find(run.run_no));
  if (!old || old.from_snapshot === null || old.version_after === null)
    throw endsTheRun('InvalidInput', `run ${runId} wrote no selection: there is nothing to roll back`);
  if (old.campaign_id !== key.campaignId)
    throw endsTheRun('InvalidInput', `run ${runId} wrote campaign ${old.campaign_id}, not ${key.campaignId}`);
  const before = await ledger.campaigns.snapshot(old.from_snapshot);
  return {
    base: readSelection(old.sent),
    ours: readSelection(before.selection),
    baseSnapshot: old.from_snapshot,
  };
}

/** What would be written now. Conflicts of that moment are told, and settled when it is written. */
export function planOf(wish: Wish, fresh: Snapshot, input: SelectionUpdateInput): Plan {
  const theirs = readSelection(fresh.selection);
  const { base, ours } = wish;
  const merged = mergeSelections({ base, theirs, ours }, settleBy(input, []));
  if (merged.kind === 'broken') throw breaksRules('as CXone has it', merged.problems);
  const differences =
    merged.kind === 'merged' ? diffSelections(theirs, merged.selection) : diffSelections(base, ours);
  const conflicts = merged.kind === 'conflict' ? merged.open : [];
  const { onConflict = 'merge' } = input;
  const lines = differences.map(({ place, from, to }) =>
    describeDifference({ place, from: withoutPersons(from), to: withoutPersons(to) }),
  );
  return {
    hash: sha256(canonicalize({ campaignId: fresh.campaignId, base, ours, onConflict })).slice(0, 16),
    list: fresh.campaignId,
    total: 1,
    toWrite: differences.length > 0 ? 1 : 0,
    invalid: 0,
    duplicate: 0,
    batches: differences.length > 0 ? 1 : 0,
    pageBatches: 1,
    estimatedSeconds: null,
    options: { onConflict, version: fresh.version },
    changes: [
      ...lines.slice(0, MOST_CHANGES_SHOWN),
      ...(lines.length > MOST_CHANGES_SHOWN ? [`… and ${lines.length - MOST_CHANGES_SHOWN} more`] : []),
      ...conflicts.map(describeConflict),
    ],
    reasons: [],
  };
}

/** The answers first, each for what was seen; then the policy. */
export function settleBy({ onConflict = 'merge' }: SelectionUpdateInput, answered: Answered): Settle {
  return (conflict) => {
    const { place, hash } = shown(conflict);
    const answer = answered.find((each) => each.place === place && each.hash === hash);
    if (answer) return answer.side;
    return onConflict === 'mine' || onConflict === 'theirs' ? onConflict : null;
  };
}

export function shown(conflict: Conflict): ShownConflict {
  const { place, base, theirs, ours, problem } = conflict;
  const text = (value: Conflict['base']) => describeValue(withoutPersons(value));
  return {
    place,
    base: text(base),
    theirs: text(theirs),
    ours: text(ours),
    ...(problem !== undefined && { problem }),
    // With the problem: the answer to one doubt is none to the next one at the same place.
    hash: sha256(canonicalize({ place, base, theirs, ours, problem })).slice(0, 16),
  };
}

export function describeConflict(conflict: Conflict): string {
  const { place, base, theirs, ours, problem } = shown(conflict);
  const why = problem === undefined ? '' : ` (${problem})`;
  return `! ${place}: it was ${base}; theirs ${theirs}, ours ${ours}${why}`;
}

export function breaksRules(when: string, problems: readonly Problem[]) {
  const message = `${when}, the selection breaks the rules: ${problems.map(describeProblem).join('; ')}`;
  return endsTheRun('InvalidInput', message);
}
