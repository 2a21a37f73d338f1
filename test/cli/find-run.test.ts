/** Every command that takes a run takes the beginning of its id, or `latest`. */
import { describe, expect, it } from 'vitest';
import type { Session } from '../../src/cli/cli.ts';
import { run } from '../../src/cli/main.ts';
import type { Decision } from '../../src/contract/steering.ts';
import { fakeRun } from '../harness/fake-run.ts';
import { fakeSession } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

/** The newest first. */
const RUNS = ['night-10', 'night-2', 'contact-import:L1:3f9a0c', 'contact-import:L1:3f9a0c:2'];

interface Stand {
  /** Ids that were looked up in the ledger and found. */
  readonly used: Set<string>;
  readonly decided: Decision[];
  readonly session: Partial<Session>;
}

function stand(inTemporal: readonly string[] = [], ids: readonly string[] = RUNS): Stand {
  const used = new Set<string>();
  const decided: Decision[] = [];
  const session = fakeSession({ decided });
  const find = (id: string) => {
    if (ids.includes(id)) used.add(id);
    return Promise.resolve(ids.includes(id) ? fakeRun({ run_id: id, state: 'completed' }) : undefined);
  };
  const listIds = (beginning: string, limit: number) =>
    Promise.resolve(ids.filter((id) => id.startsWith(beginning)).slice(0, limit));
  const { ledger, executions } = session as Session;
  const status = (id: string) => Promise.resolve(inTemporal.includes(id) ? 'running' : 'unknown');
  return {
    used,
    decided,
    session: {
      ...session,
      ledger: { ...ledger, runs: { ...ledger.runs, find, listIds } },
      executions: { ...executions, status } as Session['executions'],
    },
  };
}

async function call(argv: readonly string[], { session }: Stand) {
  const cli = fakeCli(session, { cwd: '/nowhere' });
  return { code: await run(argv, cli), err: cli.err() };
}

const COMMANDS: readonly (readonly string[])[] = [
  ['show', 'RUN'],
  ['watch', 'RUN'],
  ['records', 'RUN'],
  ['report', 'RUN', '--json'],
  ['approve', 'RUN', '--plan', 'p1'],
  ['reject', 'RUN'],
  ['cancel', 'RUN'],
  ['pause', 'RUN'],
  ['resume', 'RUN'],
  ['resolve', 'RUN', '--leave'],
  ['selection', 'rollback', 'RUN'],
  ['email', 'receipt', 'RUN', 'ann@example.com'],
  ['audit', '--run', 'RUN'],
  ['contacts', 'import', '--list', 'L1', '--retry-of', 'RUN'],
  ['list', 'load', '--list', 'L1', '--campaign', 'C1', '--retry-of', 'RUN'],
  ['preferences', 'update', '--retry-of', 'RUN'],
  ['email', 'send', '--retry-of', 'RUN'],
];

describe.each(COMMANDS.map((argv) => ({ argv, name: argv.join(' ') })))('cxflow $name', ({ argv }) => {
  const given = (text: string) => argv.map((word) => (word === 'RUN' ? text : word));

  it('takes the beginning of one id', async () => {
    const at = stand();
    expect((await call(given('night-1'), at)).err).toContain('night-1 is run night-10\n');
    if (argv[0] !== 'audit' && at.decided.length === 0) expect([...at.used]).toContain('night-10');
  });

  it('takes latest', async () => {
    const at = stand();
    expect((await call(given('latest'), at)).err).toContain('latest is run night-10\n');
  });

  it('refuses a beginning of several ids, and names them', async () => {
    const at = stand();
    const { code, err } = await call(given('night'), at);
    expect(code).toBe(2);
    expect(err).toContain('several runs begin with night: night-10, night-2; give more of the id');
    expect(at.decided).toEqual([]);
  });

  it('refuses an id that is empty or no id', async () => {
    for (const id of ['', 'x'.repeat(300)]) expect((await call(given(id), stand())).code).toBe(2);
  });
});

it('an id that is the beginning of another one means the run that has it', async () => {
  const at = stand();
  await call(['show', 'contact-import:L1:3f9a0c'], at);
  expect([...at.used]).toEqual(['contact-import:L1:3f9a0c']);
});

it('a run that no worker has taken up yet is not mistaken for another one whose id begins with its id', async () => {
  const at = stand(['night-1']);
  const { err } = await call(['cancel', 'night-1'], at);
  expect(at.decided).toHaveLength(1);
  expect(err).not.toContain('night-10');
});

it('many candidates are not all listed', async () => {
  const many = Array.from({ length: 9 }, (_, i) => `run-${i}`);
  const { err } = await call(['show', 'run'], stand([], many));
  expect(err).toMatch(/run-0, run-1, run-2, run-3, run-4, …; `cxflow runs` lists them; give more/);
});

it('latest of no runs at all is said to be nobody', async () => {
  const { code, err } = await call(['show', 'latest'], stand([], []));
  expect([code, err]).toEqual([2, expect.stringContaining('there is no run yet')]);
});

it('a run can be steered by its id while the database does not answer, but not by latest', async () => {
  const at = stand();
  const down = () => Promise.reject(Object.assign(new Error('down'), { code: 'ECONNREFUSED' }));
  Object.assign((at.session as Session).ledger.runs, { find: down, listIds: down });
  expect((await call(['cancel', 'night-10'], at)).code).toBe(0);
  expect((await call(['cancel', 'latest'], at)).code).toBe(1);
});

it('latest is approved only with the hash of its plan: it may be another run than somebody has looked at', async () => {
  const at = stand();
  const { code, err } = await call(['approve', 'latest'], at);
  expect(code).toBe(2);
  expect(err).toContain('may be another one than you have looked at');
  expect(at.decided).toEqual([]);
});

it('no run can be started under the name latest', async () => {
  const { code, err } = await call(['preferences', 'update', 'a.csv', '--id', 'latest'], stand());
  expect([code, err]).toEqual([2, expect.stringContaining('It is a word of its own')]);
});
