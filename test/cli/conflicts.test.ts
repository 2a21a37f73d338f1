/** Conflicts on a terminal: answered there, answered elsewhere, and asked again after a change. */
import { describe, expect, it } from 'vitest';
import { renderConflicts } from '../../src/cli/render/conflicts.ts';
import { openOutput } from '../../src/cli/terminal/output.ts';
import { askSides } from '../../src/cli/watching/answer-conflicts.ts';
import { watch } from '../../src/cli/watching/watch.ts';
import type { Decision } from '../../src/contract/steering.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { fakeRun } from '../harness/fake-run.ts';
import { fakeCli } from './fakes.ts';

const conflict = (place: string, hash: string, theirs = '16') => ({
  place,
  base: '18',
  theirs,
  ours: '21',
  hash,
});
const answering = (...answers: (string | null)[]) => {
  const questions: string[] = [];
  const ask = (question: string) => Promise.resolve((questions.push(question), answers.shift() ?? null));
  return { ask, questions };
};

describe('the question about each place', () => {
  const conflicts = [conflict('filterRules/age/gte', 'h1'), conflict('lists/L2', 'h2')];

  it('is asked place by place, and again if the answer cannot be understood', async () => {
    const { ask, questions } = answering('what?', '', 'M', ' their');
    const sides = { 'filterRules/age/gte': 'mine', 'lists/L2': 'theirs' };
    expect(await askSides(conflicts, ask)).toEqual(sides);
    expect(questions).toHaveLength(4);
    expect(questions[0]).toBe('rule age gte: [m]ine (21), [t]heirs (16) or [l]ater? ');
  });

  it('can be given later, and then nothing is answered, not even in part', async () => {
    for (const last of ['later', 'l', null])
      expect(await askSides(conflicts, answering('mine', last).ask)).toBeNull();
  });
});

it('conflicts are a table, followed by why their changes exclude each other, place by place', () => {
  const rules = { ...conflict('filterRules/tier/eq', 'h1'), problem: 'no contact has both values' };
  expect(
    renderConflicts([rules, conflict('lists/L2', 'h2')])
      .split('\n')
      .slice(2),
  ).toEqual([
    expect.stringMatching(/^ *filterRules\/tier\/eq +18 +16 +21$/) as string,
    expect.stringMatching(/^ *lists\/L2 +18 +16 +21$/) as string,
    '  filterRules/tier/eq: no contact has both values',
  ]);
});

/** Watches a run that waits for an answer to `questions[now]` and ends after the last one. */
async function watching(
  questions: readonly ReturnType<typeof conflict>[][],
  answer: (n: number, closed: AbortSignal, elsewhere: () => void) => Promise<string | null>,
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
  const ask = (_: string, closed: AbortSignal) => answer((scene.asked += 1), closed, elsewhere);
  const cli = fakeCli(session as never, { ask });
  const output = openOutput(cli);
  const options = { cli, session: session as never, output, json: false };
  const followed = await watch('contact-import:L1:abc', options, new AbortController().signal);
  return { followed, decided, scene, text: cli.out() };
}

const untilClosed = (closed: AbortSignal) =>
  new Promise<null>((resolve) => closed.addEventListener('abort', () => resolve(null)));

describe('watching a run in conflict', () => {
  it('answers only the conflicts that were shown, and asks again after another change of the same place', async () => {
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

  it('withdraws the question when it is answered elsewhere', async () => {
    const questions = [[conflict('lists/L2', 'h1')], [conflict('priorityOrder', 'h2')]];
    const { decided, text } = await watching(questions, async (n, closed, elsewhere) => {
      if (n === 2) return 'theirs';
      elsewhere();
      return untilClosed(closed);
    });
    expect(text).toContain('the conflicts were answered elsewhere or have changed');
    expect(decided).toMatchObject([{ answers: { priorityOrder: 'theirs' }, seen: ['h2'] }]);
  });
});
