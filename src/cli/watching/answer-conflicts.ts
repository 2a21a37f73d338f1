/** Asks on the terminal whose change counts in each conflict, and sends the answer. */
import type { Answers, ConflictSide, ShownConflict } from '../../contract/steering.ts';
import { describePlace } from '../../domain/selection-update/diff.ts';
import type { Cli, Session } from '../cli.ts';
import type { ProgressView } from '../terminal/progress-view.ts';
import { printable } from '../terminal/sanitize.ts';

export interface ConflictPrompt {
  readonly runId: string;
  readonly conflicts: readonly ShownConflict[];
  readonly cli: Cli;
  readonly session: Session;
  readonly view: ProgressView;
  /** Aborts on Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** Aborts when the conflicts were answered elsewhere or have changed. */
  readonly closed: AbortSignal;
}

/** The answer applies only to the conflicts that were shown. An answer from elsewhere ends the prompt. */
export async function answerConflicts(prompt: ConflictPrompt): Promise<void> {
  const { runId, conflicts, cli, session, view, interrupted, closed } = prompt;
  const { ask } = cli;
  const ended = AbortSignal.any([interrupted, closed]);
  if (!ask || ended.aborted) return;
  view.end();
  const answers = await askSides(conflicts, (question) => ask(question, ended));
  if (closed.aborted && !interrupted.aborted) {
    view.print('\nthe conflicts were answered elsewhere or have changed');
    return;
  }
  if (answers === null) return;
  const seen = conflicts.map(({ hash }) => hash);
  const client = await session.client();
  await client.decide(runId, { action: 'resolve', by: cli.login, answers, seen }).then(
    () => view.print('answered'),
    (error: unknown) => view.print(error instanceof Error ? error.message : String(error)),
  );
}

/** Asks place by place. Null if the user wants to answer later. */
export async function askSides(
  conflicts: readonly ShownConflict[],
  ask: (question: string) => Promise<string | null>,
): Promise<Answers | null> {
  const answers: Record<string, ConflictSide> = {};
  for (const { place, theirs, ours } of conflicts) {
    const question = `${describePlace(place)}: [m]ine (${ours}), [t]heirs (${theirs}) or [l]ater? `;
    const side = await askSide(printable(question), ask);
    if (side === null) return null;
    answers[place] = side;
  }
  return answers;
}

/** Repeats the question until the answer can be understood. */
async function askSide(
  question: string,
  ask: (question: string) => Promise<string | null>,
): Promise<ConflictSide | null> {
  for (;;) {
    const answer = (await ask(question))?.trim().toLowerCase();
    if (answer === undefined || 'later'.startsWith(answer || '-')) return null;
    if (answer !== '' && ('mine'.startsWith(answer) || 'ours'.startsWith(answer))) return 'mine';
    if (answer !== '' && 'theirs'.startsWith(answer)) return 'theirs';
  }
}
