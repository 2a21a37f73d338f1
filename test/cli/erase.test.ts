import { expect, it } from 'vitest';
import { renderWaitingFor } from '../../src/cli/actions/erase.ts';
import { run } from '../../src/cli/main.ts';
import type { Terminal } from '../../src/cli/terminal/output.ts';
import type { CxflowClient } from '../../src/client.ts';
import { fakeCli } from './fakes.ts';

const RESULT = {
  ...{ records: 4, runs: ['r1'], datasets: 2, proof: 1, events: 0 },
  ...{ suppressed: ['email'], waitingFor: [] },
};

/** Runs `cxflow erase` on a terminal, and gives this answer. */
async function eraseWith(answer: string | null, ...options: readonly string[]) {
  const erased: string[] = [];
  const client = {
    previewErasure: () => Promise.resolve(RESULT),
    erase: ({ contactId }: { contactId: string }) => {
      erased.push(contactId);
      return Promise.resolve({ ...RESULT, records: 5 });
    },
  } as unknown as CxflowClient;
  const questions: string[] = [];
  const asked: unknown[] = [];
  const ask = (question: string, _: AbortSignal, stream?: Terminal) => {
    questions.push(question);
    asked.push(stream);
    return Promise.resolve(answer);
  };
  const cli = fakeCli({ client: () => Promise.resolve(client) }, { ask });
  const code = await run(['erase', '--contact', 'c1', ...options], cli);
  const where = asked.map((stream) => (stream === cli.stderr ? 'stderr' : 'stdout'));
  return { code, erased, questions, where, out: cli.out() };
}

it('suggests what to do about each run that an erasure waits for; a failed run cannot be cancelled', () => {
  const running = { runId: 'r1', state: 'running' };
  const failed = { runId: 'r2', state: 'failed' };
  expect(renderWaitingFor([running, failed], 'cxflow').join()).toMatch(
    /`cxflow cancel`.*r2 failed.*start it again/,
  );
  expect(renderWaitingFor([failed], 'cxflow').join()).not.toContain('cancel');
  expect(renderWaitingFor([running], 'cxflow').join()).not.toContain('start it again');
});

it('shows what it would erase and asks before it does', async () => {
  const { code, erased, questions, out } = await eraseWith('y');
  expect({ code, erased }).toEqual({ code: 0, erased: ['c1'] });
  expect(questions).toEqual(['Erase all of it for good? [y/N] ']);
  expect(out).toMatch(/would be erased:\n.*4 staged rows[^]*5 staged rows/);
});

it.each(['n', '', null, 'yesterday'])('erases nothing when the answer is %j', async (answer) => {
  const { code, erased, out } = await eraseWith(answer);
  expect({ code, erased }).toEqual({ code: 4, erased: [] });
  expect(out).toContain('nothing was erased');
});

it('asks on stderr with --json, and prints what would have been erased if the answer is no', async () => {
  const { code, erased, where, out } = await eraseWith('n', '--json');
  expect({ code, erased, where }).toEqual({ code: 4, erased: [], where: ['stderr'] });
  expect(JSON.parse(out)).toEqual({ ...RESULT, dryRun: true });
});

it('erases without asking with --yes, and only shows what it would erase with --dry-run', async () => {
  expect(await eraseWith(null, '--yes')).toMatchObject({ code: 0, erased: ['c1'], questions: [] });
  expect(await eraseWith('y', '--dry-run')).toMatchObject({ code: 0, erased: [], questions: [] });
});

it('refuses, before it connects to anything, where nobody can answer', async () => {
  const cli = fakeCli();
  expect(await run(['erase', '--contact', 'c1'], cli)).toBe(2);
  expect(cli.err()).toMatch(/cannot be undone.*no terminal.*--yes.*--dry-run/);
  expect(cli.isClosed()).toBe(false);
});
