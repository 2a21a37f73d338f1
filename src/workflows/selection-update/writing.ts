/** Writes a selection: attempt by attempt, until it is written, or until the policy or an operator has to decide. */
import { condition, sleep } from '@temporalio/workflow';
import type {
  LeaveConflict,
  SelectionWritten,
  WriteSelection,
} from '../../activities/selection-update/index.ts';
import { fatalFailure } from '../../contract/failures.ts';
import type { SelectionUpdateInput } from '../../contract/selection-update.ts';
import {
  type ConflictSide,
  type Answers as GivenAnswers,
  type ShownConflict,
  toSide,
} from '../../contract/steering.ts';
import { plural } from '../../domain/numbers.ts';
import type { Outcome } from '../../domain/run.ts';
import { shortenList } from '../../domain/shorten.ts';
import { handOver, interruptible, isHistoryLong, waitInPhase } from '../engine/hand-over.ts';
import type { Run } from '../engine/run.ts';
import { COLLISION_BACKOFF_MS, MAX_COLLISIONS, selectionWrites } from '../policies.ts';

type Answers = WriteSelection['answered'];
type Answer = Answers[number];

/** Older answers are forgotten, so that the input of an attempt does not grow for ever: the conflict is shown again. */
const MAX_PLACES_KEPT = 1_000;
const MAX_CONFLICTS_DESCRIBED = 10;

const HOW_TO_TRY_AGAIN =
  'Change the selection, or ask NICE support why CXone fails. Starting the same run again tries it again';

/** How long to wait if the ledger already has a pause that has not reached the workflow yet. */
const HALTED_MS = 500;

/** What one execution hands to the next. */
export interface WritingState {
  readonly answers: Answers;
  /** In a row. */
  readonly collisions: number;
  /** What an operator is asked about. */
  readonly asked: Extract<SelectionWritten, { kind: 'conflict' | 'outdated' }> | null;
}

export const NOTHING_WRITTEN: WritingState = { answers: [], collisions: 0, asked: null };

/**
 * `state` is kept up to date. `planAgain`: shows the current differences and asks for approval, because the plan did not show
 * all of them.
 */
export async function writeSelection(
  run: Run,
  input: SelectionUpdateInput,
  state: { -readonly [Key in keyof WritingState]: WritingState[Key] },
  planAgain: () => Promise<'approved' | 'rejected'>,
): Promise<'settled' | 'rejected'> {
  if (state.asked === null) await run.enter('writing');
  for (let attempt = 1; ; attempt += 1) {
    const written = state.asked ?? (await writeOnce(run, state.answers, attempt));
    switch (written.kind) {
      case 'done':
        settle(run, written.outcome);
        return 'settled';
      case 'refused':
        throw fatalFailure(
          'Refused',
          `CXone refused the selection of campaign ${run.target}: ${written.message}`,
        );
      case 'given_up':
        throw fatalFailure(
          'Refused',
          `the selection of campaign ${run.target} was not written: ${written.message}. ${HOW_TO_TRY_AGAIN}`,
        );
      case 'halted':
        await sleep(HALTED_MS, { summary: 'paused' });
        break;
      case 'unplanned':
        if ((await planAgain()) === 'rejected') return 'rejected';
        await run.enter('writing');
        break;
      case 'conflict':
        state.asked = written;
        state.answers = keep(state.answers, await resolveConflicts(run, input, written.conflicts));
        Object.assign(state, { collisions: 0, asked: null });
        break;
      case 'outdated': {
        state.collisions = Math.min(state.collisions + 1, MAX_COLLISIONS);
        if (state.collisions < MAX_COLLISIONS) {
          await backOff(state.collisions);
          break;
        }
        state.asked = written;
        const answer = await resolveCollisions(run, input, state.collisions, written.version);
        if (answer === null) return 'settled';
        state.answers = keep(state.answers, answer);
        Object.assign(state, { collisions: 0, asked: null });
      }
    }
  }
}

function keep(answers: Answers, answer: Answer): Answers {
  const kept = [answer];
  let places = answer.places.length;
  for (const older of answers.toReversed()) {
    places += older.places.length;
    if (places > MAX_PLACES_KEPT) break;
    kept.unshift(older);
  }
  return kept;
}

function settle(run: Run, outcome: Outcome): void {
  run.counts = { total: 1, pending: 0, [outcome]: 1 };
  run.show();
}

async function writeOnce(run: Run, answered: Answers, attempt: number): Promise<SelectionWritten> {
  const summary = attempt === 1 ? 'read, merge, PATCH' : `read, merge, PATCH: attempt ${attempt}`;
  for (;;) {
    await condition(() => !run.isPaused() || run.isEnding() || isHistoryLong());
    if (run.isEnding()) await run.scope.cancelRequested;
    if (isHistoryLong()) await handOver(run);
    const written = await interruptible(run, () =>
      selectionWrites.writeSelection.executeWithOptions({ summary }, [{ runId: run.runId, answered }]),
    );
    if (written !== null) return written;
  }
}

/** Jitter keeps two writers from colliding again. In workflow code, random numbers are the same on replay. */
async function backOff(collisions: number): Promise<void> {
  const { first, longest } = COLLISION_BACKOFF_MS;
  const ms = Math.min(longest, first * 2 ** (collisions - 1)) * (0.5 + Math.random() / 2);
  await sleep(ms, { summary: 'the campaign changed; read it again' });
}

/** Returns an operator's answer to the conflicts. Without them the run fails, and the failure lists the conflicts. */
async function resolveConflicts(
  run: Run,
  input: SelectionUpdateInput,
  conflicts: readonly ShownConflict[],
): Promise<Answer> {
  const answer = await askOperator(run, input, conflicts);
  if (answer) return answer;
  const described = shortenList(conflicts.map(describeConflict), MAX_CONFLICTS_DESCRIBED).join('; ');
  const what = `somebody else changed the same in campaign ${run.target}: ${described}`;
  throw await failInConflict(
    run,
    `${what}${describeDeadline(input)}. Nothing was written. ${howToContinue(run)}`,
  );
}

/** Null if the input does not say that an operator decides, or if nobody answered by the deadline. */
async function askOperator(
  run: Run,
  { onConflict = 'merge', conflictDeadline }: SelectionUpdateInput,
  conflicts: readonly ShownConflict[],
): Promise<Answer | null> {
  if (onConflict !== 'ask') return null;
  const { steering } = run;
  // Resolutions that arrived earlier belong to other conflicts.
  while (steering.hasResolution()) steering.takeResolution();
  run.conflicts = conflicts;
  await run.enter('conflict', describeQuestion(conflicts));
  await waitInPhase(run, {
    isMet: () => steering.hasResolution(),
    deadline: conflictDeadline,
    summary: 'conflict deadline',
  });
  const { answers, by, reason } = steering.takeResolution() ?? {};
  run.conflicts = [];
  if (answers === undefined) return null;
  await run.enter('writing');
  const decidedBy = { ...(by !== undefined && { by }), ...(reason !== undefined && { reason }) };
  const places = conflicts.map(({ place, hash }) => ({ place, hash, side: chooseSide(answers, place) }));
  return { places, ...decidedBy };
}

/** Includes the hashes, so that whoever watches the run in the ledger notices when a conflict has changed. */
function describeQuestion(conflicts: readonly ShownConflict[]): string {
  const what = plural(conflicts.length, 'conflict');
  const places = conflicts.map(({ place, hash }) => `${place} (${hash.slice(0, 8)})`);
  const others = conflicts
    .slice(MAX_CONFLICTS_DESCRIBED)
    .map(({ hash }) => Number.parseInt(hash.slice(0, 8), 16));
  const combined = others.length > 0 ? ` (${combine(others).toString(16)})` : '';
  return `a decision about ${what}: ${shortenList(places, MAX_CONFLICTS_DESCRIBED).join(', ')}${combined}`;
}

const combine = (hashes: readonly number[]): number => hashes.reduce((all, hash) => (all ^ hash) >>> 0, 0);

function chooseSide(answers: GivenAnswers, place: string): ConflictSide {
  return toSide(typeof answers === 'string' ? answers : (answers[place] ?? 'theirs'));
}

/**
 * Somebody else wrote the campaign before every one of our attempts. Returns an operator's answer to try again, or null if
 * the campaign was left as it is.
 */
async function resolveCollisions(
  run: Run,
  input: SelectionUpdateInput,
  collisions: number,
  version: number | null,
): Promise<Answer | null> {
  const why = `campaign ${run.target} was changed by somebody else before each of ${plural(collisions, 'write')}`;
  const conflict: ShownConflict = {
    place: 'campaign',
    base: '',
    theirs: `version ${version ?? 'unknown'}, and changing`,
    ours: 'try again',
    problem: why,
    hash: String(version),
  };
  const answered = await askOperator(run, input, [conflict]);
  if (answered?.places[0]?.side === 'mine') return answered;
  if (answered === null && input.onConflict !== 'theirs')
    throw await failInConflict(
      run,
      `${why}${describeDeadline(input)}. Nothing was written. Start the run again once they are done`,
    );
  await leaveConflict(run, 'keep theirs', { why, ...(answered && { answered }) });
  settle(run, 'conflict');
  return null;
}

function describeDeadline({ onConflict, conflictDeadline }: SelectionUpdateInput): string {
  return onConflict === 'ask' ? `, and nobody answered within ${conflictDeadline ?? ''}` : '';
}

/** Under its own id, because a new run would take the campaign as it is now for its base, and see no conflict. */
function howToContinue({ runId }: Run): string {
  return (
    'Start it again under its id with onConflict "mine", "theirs" or "ask" ' +
    `(cxflow: the same command with --id ${runId} and --on-conflict mine|theirs|ask)`
  );
}

async function failInConflict(run: Run, why: string) {
  await leaveConflict(run, 'in conflict', { why });
  return fatalFailure('Conflict', why);
}

function leaveConflict({ runId }: Run, summary: string, how: Omit<LeaveConflict, 'runId'>): Promise<void> {
  return selectionWrites.leaveConflict.executeWithOptions({ summary }, [{ runId, ...how }]);
}

function describeConflict({ place, base, theirs, ours, problem }: ShownConflict): string {
  const values = `${place} was ${base}, theirs is ${theirs}, ours is ${ours}`;
  return problem === undefined ? values : `${values} (${problem})`;
}
