/** The write of a selection: try by try, as the history shows it, until it stands, or somebody has to say how. */
import { condition, sleep } from '@temporalio/workflow';
import type { ConflictSide, SelectionUpdateInput, ShownConflict } from '../contract.ts';
import type { WriteSelection } from '../activities/selection-update.ts';
import { AFTER_A_COLLISION_MS, endsTheRun, MOST_COLLISIONS, selecting } from './policies.ts';
import type { Run } from './run.ts';
import { waitFor } from './steps.ts';

type Answered = WriteSelection['answered'];

/** While the ledger has heard of a pause and we have not. */
const HALTED_MS = 500;

export async function writeSelection(run: Run, input: SelectionUpdateInput): Promise<void> {
  let answered: Answered = [];
  let collisions = 0;
  await run.enter('writing');
  for (let attempt = 1; ; attempt += 1) {
    const written = await tryOnce(run, answered, attempt);
    switch (written.kind) {
      case 'done':
        run.now.counts = { total: 1, pending: 0, [written.outcome]: 1 };
        return run.show();
      case 'refused':
        throw endsTheRun(
          'Refused',
          `CXone refused the selection of campaign ${run.target}: ${written.message}`,
        );
      case 'halted':
        await sleep(HALTED_MS, { summary: 'paused' });
        break;
      case 'conflict':
        answered = [...answered, ...(await resolve(run, input, written.conflicts))];
        collisions = 0;
        break;
      case 'outdated':
        collisions += 1;
        if (collisions < MOST_COLLISIONS) await pauseAfter(collisions);
        else if (await persist(run, input, collisions, written.version)) collisions = 0;
        else return;
    }
  }
}

async function tryOnce(run: Run, answered: Answered, attempt: number) {
  await condition(() => !run.isPaused() || run.isCancelled());
  if (run.isCancelled()) await run.work.cancelRequested;
  const summary = attempt === 1 ? 'fetch, merge, PATCH' : `fetch, merge, PATCH: try ${attempt}`;
  return selecting.writeSelection.executeWithOptions({ summary }, [{ runId: run.runId, answered }]);
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
  { onConflict = 'merge', conflictDeadline }: SelectionUpdateInput,
  conflicts: readonly ShownConflict[],
): Promise<Answered> {
  const answers = onConflict === 'ask' ? await ask(run, conflicts, conflictDeadline) : null;
  if (answers) return answers;
  const described = conflicts.map(describe).join('; ');
  throw await inConflict(run, `somebody else changed the same in campaign ${run.target}: ${described}`);
}

/** null: nobody answered until the deadline. */
async function ask(
  run: Run,
  conflicts: readonly ShownConflict[],
  deadline: string | undefined,
): Promise<Answered | null> {
  const { steering, now } = run;
  // Of an answer to an older question.
  while (steering.hasResolution()) steering.nextResolution();
  now.conflicts = conflicts;
  const places = conflicts.length === 1 ? 'one conflict' : `${conflicts.length} conflicts`;
  await run.enter('conflict', `resolve of ${places}: ${conflicts.map(({ place }) => place).join(', ')}`);
  await waitFor(steering.hasResolution, deadline, 'of the answer');
  const { answers } = steering.nextResolution() ?? {};
  now.conflicts = [];
  if (answers === undefined) return null;
  await run.enter('writing');
  return conflicts.map(({ place, hash }) => ({ place, hash, side: sideOf(answers, place) }));
}

function sideOf(answers: ConflictSide | Readonly<Record<string, ConflictSide>>, place: string): ConflictSide {
  return typeof answers === 'string' ? answers : (answers[place] ?? 'theirs');
}

/** Somebody writes this campaign again and again, before we can. True: go on trying. False: theirs stays. */
async function persist(
  run: Run,
  { onConflict = 'merge', conflictDeadline }: SelectionUpdateInput,
  collisions: number,
  version: number | null,
): Promise<boolean> {
  const why = `campaign ${run.target} was changed by somebody else before each of ${collisions} writes`;
  const conflict: ShownConflict = {
    place: 'campaign',
    base: '',
    theirs: `version ${version ?? 'unknown'}, and changing`,
    ours: 'go on trying',
    problem: why,
    hash: String(version),
  };
  const answers = onConflict === 'ask' ? await ask(run, [conflict], conflictDeadline) : null;
  if (answers?.[0]?.side === 'mine') return true;
  if (answers === null && onConflict !== 'theirs')
    throw await inConflict(run, `${why}. Nothing was written; start it again when they are done`);
  await selecting.leaveConflict.executeWithOptions({ summary: 'theirs stays' }, [{ runId: run.runId, why }]);
  run.now.counts = { total: 1, pending: 0, conflict: 1 };
  return false;
}

async function inConflict(run: Run, why: string) {
  await selecting.leaveConflict.executeWithOptions({ summary: 'in conflict' }, [{ runId: run.runId, why }]);
  return endsTheRun('Conflict', why);
}

function describe({ place, base, theirs, ours, problem }: ShownConflict): string {
  const values = `${place} was ${base}, theirs is ${theirs}, ours is ${ours}`;
  return problem === undefined ? values : `${values} (${problem})`;
}
