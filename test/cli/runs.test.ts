/** `cxflow runs`, with a ledger of its own. */
import { expect, it } from 'vitest';
import type { Session } from '../../src/cli/cli.ts';
import { run } from '../../src/cli/main.ts';
import { ledgerOfFile, openRun } from '../ledger/harness.ts';
import { fakeSession } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

const opened = ledgerOfFile();

async function runs(...args: readonly string[]) {
  const { executions } = fakeSession({}) as Session;
  const cli = fakeCli({ ledger: opened().ledger, executions });
  const code = await run(['runs', ...args], cli);
  return { code, out: cli.out(), err: cli.err() };
}

const idsIn = (text: string): readonly string[] =>
  [...text.matchAll(/^ {2}(r-\d\d)/gm)].map(([, id = '']) => id);

it('goes through all runs page by page by the commands that it prints, and says how many are left', async () => {
  for (let i = 10; i < 17; i += 1) await openRun(opened().ledger, { runId: `r-${i}` });
  const first = await runs('--limit', '3', '--state', 'running');
  expect(idsIn(first.out)).toEqual(['r-16', 'r-15', 'r-14']);
  expect(first.out).toContain('4 older runs are not shown\n  show the next:\n');
  const printed = (out: string) => / {4}cxflow runs (.+)$/m.exec(out)?.[1]?.split(' ') ?? [];
  expect(printed(first.out)).toEqual(['--limit', '3', '--state', 'running', '--before', 'r-14']);
  const second = await runs(...printed(first.out));
  expect(idsIn(second.out)).toEqual(['r-13', 'r-12', 'r-11']);
  expect(second.out).toContain('1 older run is not shown');
  const third = await runs(...printed(second.out));
  expect(idsIn(third.out)).toEqual(['r-10']);
  expect(third.out).not.toContain('not shown');
  const json = JSON.parse((await runs('--limit', '3', '--json')).out) as object;
  expect(json).toMatchObject({ older: 4, next: 'r-14' });
  expect(JSON.parse((await runs('--json')).out)).toMatchObject({ older: 0, next: null });
});

it('shows only runs that wait for somebody, are in a state, or were started lately', async () => {
  const { ledger } = opened();
  const waits = await openRun(ledger, { runId: 'r-80' });
  await ledger.runs.setPhase(waits.run_no, 'awaiting_approval', 'approve or reject');
  const failed = await openRun(ledger, { runId: 'r-81' });
  await ledger.runs.close(failed, 'failed', null, null);
  expect(idsIn((await runs('--waiting')).out)).toEqual(['r-80']);
  expect(idsIn((await runs('--state', 'failed', '--since', '1h')).out)).toEqual(['r-81']);
  expect((await runs('--state', 'cancelled')).out).toContain('no run is like that');
  const excluded = await runs('--waiting', '--state', 'failed');
  expect([excluded.code, excluded.err]).toEqual([2, expect.stringContaining('exclude each other')]);
  for (const args of [
    ['--since', 'soon'],
    ['--state', 'waiting'],
    ['--before', 'no-such-run'],
  ])
    expect((await runs(...args)).code, args.join(' ')).toBe(2);
});
