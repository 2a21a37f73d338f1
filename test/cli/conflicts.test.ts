/** A conflict on a terminal: asked here, answered elsewhere, asked anew. */
import { expect, describe, it } from 'vitest';
import { askSides } from '../../src/cli/render/conflicts.ts';
import { outputOf } from '../../src/cli/cli.ts';
import { watch } from '../../src/cli/watching/watch.ts';
import type { Decision } from '../../src/contract/steering.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { fakeCli, fakeRun } from './fakes.ts';

const conflict = (place: string, hash: string, theirs = '16') => ({
  place,
  base: '18',
  theirs,
  ours: '21',
  hash,
});
const asking = (...answers: (string | null)[]) => {
  const questions: string[] = [];
  const ask = (question: string) => Promise.resolve((questions.push(question), answers.shift() ?? null));
  return { ask, questions };
};

describe('a side for each place', () => {
  const conflicts = [conflict('filterRules/age/gte', 'h1'), conflict('lists/L2', 'h2')];

  it('is asked place by place, until it can be understood', async () => {
    const { ask, questions } = asking('what?', '', 'M', ' their');
    const sides = { 'filterRules/age/gte': 'mine', 'lists/L2': 'theirs' };
    expect(await askSides(conflicts, ask)).toEqual(sides);
    expect(questions).toHaveLength(4);
    expect(questions[0]).toBe('rule age gte: [m]ine (21), [t]heirs (16), [l]ater? ');
  });

  it('may be given later: nothing is answered then, not even in part', async () => {
    for (const last of ['later', 'l', null])
      expect(await askSides(conflicts, asking('mine', last).ask)).toBeNull();
  });
});

/** A run that waits for an answer to `questions[now]`; after the last of them it has ended. */
async function watching(
  questions: readonly ReturnType<typeof conflict>[][],
  answer: (n: number, over: AbortSignal, elsewhere: () => void) => Promise<string | null>,
) {
  const scene = { now: 0, asked: 0 };
  const decided: Decision[] = [];
  const open = () => questions[scene.now];
  const run = (): Run => {
    const waits = open()?.map(({ place, hash }) => `${place} (${hash})`);
    if (!waits) return fakeRun({ kind: 'selectionUpdate', state: 'completed', phase: 'done' });
    return fakeRun({ kind: 'selectionUpdate', phase: 'conflict', waiting_for: waits.join() });
  };
  const session = {
    ledger: {
      runs: { find: () => Promise.resolve(run()), counts: () => Promise.resolve({ total: 1, pending: 1 }) },
      selections: { find: () => Promise.resolve({ conflicts: [] }) },
    },
    executions: { status: () => Promise.resolve('running') },
    client: () =>
      Promise.resolve({
        progress: () => Promise.resolve({ conflicts: open() }),
        decide: (_: string, decision: Decision) => {
          decided.push(decision);
          scene.now += 1;
          return Promise.resolve({});
        },
      }),
  };
  const elsewhere = () => void (scene.now += 1);
  const ask = (_: string, over: AbortSignal) => answer((scene.asked += 1), over, elsewhere);
  const cli = fakeCli(session as never, { ask });
  const output = outputOf(cli, false);
  const deps = { cli, session: session as never, output, json: false };
  const followed = await watch('r1', deps, new AbortController().signal);
  return { followed, decided, scene, text: cli.out() };
}

const whenOver = (over: AbortSignal) =>
  new Promise<null>((resolve) => over.addEventListener('abort', () => resolve(null)));

describe('watching a run in conflict', () => {
  it('sends the answer for what was shown, and asks anew where the same place was changed again', async () => {
    const questions = [[conflict('lists/L2', 'h1')], [conflict('lists/L2', 'h2', '17')]];
    const { decided, followed, text } = await watching(questions, () => Promise.resolve('mine'));
    expect(decided).toMatchObject([
      { action: 'resolve', by: 'dana', answers: { 'lists/L2': 'mine' }, seen: ['h1'] },
      { answers: { 'lists/L2': 'mine' }, seen: ['h2'] },
    ]);
    expect(text).toMatch(/18\s+16\s+21[^]+18\s+17\s+21/);
    expect(text).toContain('resolve contact-import:L1:abc --mine --seen h2');
    expect(followed.kind).toBe('ended');
  });

  it('takes the question back when somebody answers elsewhere', async () => {
    const questions = [[conflict('lists/L2', 'h1')], [conflict('priorityOrder', 'h2')]];
    const { decided, text } = await watching(questions, async (n, over, elsewhere) => {
      if (n === 2) return 'theirs';
      elsewhere();
      return whenOver(over);
    });
    expect(text).toContain('no answer is needed here any more');
    expect(decided).toMatchObject([{ answers: { priorityOrder: 'theirs' }, seen: ['h2'] }]);
  });
});
