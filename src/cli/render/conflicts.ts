/** Conflicts of a selection: gathered, shown side by side, and answered on a terminal. */
import type { Answers, ConflictSide, ShownConflict } from '../../contract/steering.ts';
import { describeValue, describePlace } from '../../domain/selection-update/diff.ts';
import type { Conflict } from '../../domain/selection-update/merge.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { printable } from '../terminal/format.ts';
import type { Session } from '../session.ts';
import { renderTable } from '../terminal/table.ts';

/** Of runs from before, the ledger has no hashes. */
type Shown = Omit<ShownConflict, 'hash'> & { readonly hash?: string };

/** Of a run that waits: what the worker shows, with the whole values that only the ledger has. */
export async function conflictsOf(session: Session, run: Run): Promise<readonly Shown[]> {
  const kept = await keptConflicts(session, run);
  if (run.phase !== 'conflict') return kept;
  const asked = await session
    .client()
    .then((client) => client.progress(run.run_id))
    .catch(() => null);
  if (!asked?.conflicts) return kept;
  // Of the very question: the ledger may have a newer one by now, or an older one.
  return asked.conflicts.map((shown) => kept.find(({ hash }) => hash === shown.hash) ?? shown);
}

async function keptConflicts({ ledger }: Session, run: Run): Promise<readonly Shown[]> {
  const update = await ledger.selections.find(run.run_no);
  const conflicts = (update?.conflicts ?? []) as readonly (Conflict & { readonly hash?: string })[];
  return conflicts.map(({ base, theirs, ours, place, problem, hash }) => ({
    place,
    base: describeValue(base),
    theirs: describeValue(theirs),
    ours: describeValue(ours),
    ...(problem !== undefined && { problem }),
    ...(hash !== undefined && { hash }),
  }));
}

/** What an answer is bound to: the question as it was shown. null: an older worker shows no hashes. */
export function seenOf(conflicts: readonly Shown[]): readonly string[] | null {
  const hashes = conflicts.flatMap(({ hash }) => (hash === undefined ? [] : [hash]));
  return hashes.length > 0 && hashes.length === conflicts.length ? hashes : null;
}

export function renderConflicts(conflicts: readonly Shown[]): string {
  const rows = conflicts.map(({ place, base, theirs, ours }) => [place, base, theirs, ours].map(printable));
  const table = renderTable(
    [{ head: 'place' }, { head: 'it was' }, { head: 'theirs' }, { head: 'ours' }],
    rows,
  );
  const problems = conflicts.flatMap(({ problem }) =>
    problem === undefined ? [] : [`  ${printable(problem)}`],
  );
  return ['changed by somebody else, in another way', table, ...problems].join('\n');
}

/** Asks place by place. null: whoever was asked wants to answer later. */
export async function askSides(
  conflicts: readonly Shown[],
  ask: (question: string) => Promise<string | null>,
): Promise<Answers | null> {
  const answers: Record<string, ConflictSide> = {};
  for (const { place, theirs, ours } of conflicts) {
    const side = await askSide(
      `${describePlace(place)}: [m]ine (${ours}), [t]heirs (${theirs}), [l]ater? `,
      ask,
    );
    if (side === null) return null;
    answers[place] = side;
  }
  return answers;
}

async function askSide(
  question: string,
  ask: (question: string) => Promise<string | null>,
): Promise<ConflictSide | null> {
  for (;;) {
    const answer = (await ask(printable(question)))?.trim().toLowerCase();
    if (answer === undefined || 'later'.startsWith(answer || '-')) return null;
    if (answer !== '' && 'mine'.startsWith(answer)) return 'mine';
    if (answer !== '' && 'theirs'.startsWith(answer)) return 'theirs';
  }
}
