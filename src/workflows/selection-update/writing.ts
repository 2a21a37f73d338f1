/** The write of a selection: try by try, as the history shows it, until it stands, or somebody has to say how. */
import { condition, sleep } from '@temporalio/workflow';
import type { ConflictSide, ShownConflict } from '../../contract/steering.ts';
import type { SelectionUpdateInput } from '../../contract/selection-update.ts';
import type { LeaveConflict, WriteSelection } from '../../activities/selection-update/index.ts';
import type { Outcome } from '../../domain/run.ts';
import { AFTER_A_COLLISION_MS, fatalFailure, MOST_COLLISIONS, selectionWrites } from '../policies.ts';
import type { Run } from '../engine/run.ts';
import { waitFor } from '../engine/steps.ts';

type Answered = WriteSelection['answered'];

/** While the ledger has heard of a pause and we have not. */
const HALTED_MS = 500;

/**
 * `plan`: looks, plans and asks for the approval once more, of what the plan before did not show. `rejected`: the answer
 * was no.
 */
export async function writeSelection(
  run: Run,
  input: SelectionUpdateInput,
  plan: () => Promise<'go' | 'rejected'>,
): Promise<'settled' | 'rejected'> {
  let answered: Answered = [];
  let collisions = 0;
  await run.enter('writing');
  for (let attempt = 1; ; attempt += 1) {
    const written = await tryOnce(run, answered, attempt);
    switch (written.kind) {
      case 'done':
        settle(run, written.outcome);
        return 'settled';
      case 'refused':
        throw fatalFailure(
          'Refused',
          `CXone refused the selection of campaign ${run.target}: ${written.message}`,
        );
      case 'halted':
        await sleep(HALTED_MS, { summary: 'paused' });
        break;
      case 'unplanned':
        if ((await plan()) === 'rejected') return 'rejected';
        await run.enter('writing');
        break;
      case 'conflict':
        answered = [...answered, ...(await resolve(run, input, written.conflicts))];
        collisions = 0;
        break;
      case 'outdated': {
        collisions += 1;
        if (collisions < MOST_COLLISIONS) {
          await pauseAfter(collisions);
          break;
        }
        const word = await persist(run, input, collisions, written.version);
        if (word === null) return 'settled';
        answered = [...answered, ...word];
        collisions = 0;
      }
    }
  }
}

function settle({ now, show }: Run, outcome: Outcome): void {
  now.counts = { total: 1, pending: 0, [outcome]: 1 };
  show();
}

async function tryOnce(run: Run, answered: Answered, attempt: number) {
  await condition(() => !run.isPaused() || run.isCancelled());
  if (run.isCancelled()) await run.work.cancelRequested;
  const summary = attempt === 1 ? 'fetch, merge, PATCH' : `fetch, merge, PATCH: try ${attempt}`;
  return selectionWrites.writeSelection.executeWithOptions({ summary }, [{ runId: run.runId, answered }]);
}

/** Jitter, or two who collided would collide again. Workflow code's random numbers are the same in a replay. */
async function pauseAfter(collisions: number): Promise<void> {
  const { first, longest } = AFTER_A_COLLISION_MS;
  const ms = Math.min(longest, first * 2 ** (collisions - 1)) * (0.5 + Math.random() / 2);
  await sleep(ms, { summary: 'somebody else wrote; look again' });
}

/** The same place changed differently: a person's answers for what was shown; or the run fails and says it all. */
async function resolve(
  run: Run,
  input: SelectionUpdateInput,
  conflicts: readonly ShownConflict[],
): Promise<Answered> {
  const answers = await ask(run, input, conflicts);
  if (answers) return answers;
  const described = conflicts.map(describe).join('; ');
  const what = `somebody else changed the same in campaign ${run.target}: ${described}`;
  throw await inConflict(run, `${what}${unanswered(input)}. Nothing was written. ${howToGoOn(run)}`);
}

/** null: nobody was to be asked, or nobody answered until the deadline. */
async function ask(
  run: Run,
  { onConflict = 'merge', conflictDeadline }: SelectionUpdateInput,
  conflicts: readonly ShownConflict[],
): Promise<Answered | null> {
  if (onConflict !== 'ask') return null;
  const { steering, now } = run;
  // Of an answer to an older question.
  while (steering.hasResolution()) steering.nextResolution();
  now.conflicts = conflicts;
  await run.enter('conflict', questionOf(conflicts));
  await waitFor(steering.hasResolution, conflictDeadline, 'of the answer');
  const { answers, by, reason } = steering.nextResolution() ?? {};
  now.conflicts = [];
  if (answers === undefined) return null;
  await run.enter('writing');
  const said = { ...(by !== undefined && { by }), ...(reason !== undefined && { reason }) };
  return conflicts.map(({ place, hash }) => ({ place, hash, side: sideOf(answers, place), ...said }));
}

/** With the hashes: the same places changed anew are another question, to those who read the ledger too. */
function questionOf(conflicts: readonly ShownConflict[]): string {
  const what = conflicts.length === 1 ? 'one conflict' : `${conflicts.length} conflicts`;
  return `resolve of ${what}: ${conflicts.map(({ place, hash }) => `${place} (${hash.slice(0, 8)})`).join(', ')}`;
}

function sideOf(answers: ConflictSide | Readonly<Record<string, ConflictSide>>, place: string): ConflictSide {
  return typeof answers === 'string' ? answers : (answers[place] ?? 'theirs');
}

/** Somebody writes this campaign again and again, before we can. The word to go on trying; null: theirs stays. */
async function persist(
  run: Run,
  input: SelectionUpdateInput,
  collisions: number,
  version: number | null,
): Promise<Answered | null> {
  const why = `campaign ${run.target} was changed by somebody else before each of ${collisions} writes`;
  const conflict: ShownConflict = {
    place: 'campaign',
    base: '',
    theirs: `version ${version ?? 'unknown'}, and changing`,
    ours: 'go on trying',
    problem: why,
    hash: String(version),
  };
  const answered = await ask(run, input, [conflict]);
  if (answered?.[0]?.side === 'mine') return answered;
  if (answered === null && input.onConflict !== 'theirs')
    throw await inConflict(
      run,
      `${why}${unanswered(input)}. Nothing was written; start it again when they are done`,
    );
  await leave(run, 'theirs stays', { why, answered: answered ?? [] });
  settle(run, 'conflict');
  return null;
}

const unanswered = ({ onConflict, conflictDeadline }: SelectionUpdateInput): string =>
  onConflict === 'ask' ? `, and nobody answered within ${conflictDeadline ?? ''}` : '';

/** Under its id: another run would be measured from the campaign as it is now, and see no conflict. */
const howToGoOn = ({ runId }: Run): string =>
  `Start it again under its id with onConflict "mine", "theirs" or "ask" (cxflow: the same command with --id ${runId} ` +
  'and --on-conflict mine|theirs|ask)';

async function inConflict(run: Run, why: string) {
  await leave(run, 'in conflict', { why });
  return fatalFailure('Conflict', why);
}

function leave({ runId }: Run, summary: string, how: Omit<LeaveConflict, 'runId'>): Promise<void> {
  return selectionWrites.leaveConflict.executeWithOptions({ summary }, [{ runId, ...how }]);
}

function describe({ place, base, theirs, ours, problem }: ShownConflict): string {
  const values = `${place} was ${base}, theirs is ${theirs}, ours is ${ours}`;
  return problem === undefined ? values : `${values} (${problem})`;
}
