import { describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { DecisionRefused, RunNotFound } from '../../src/client.ts';
import type { Decision } from '../../src/contract/steering.ts';
import { COUNTS, fakeSession, finished } from './fake-session.ts';
import { fakeCli, sink } from './fakes.ts';

describe('a decision', () => {
  it('contains who decided, why, and about which plan', async () => {
    const decided: Decision[] = [];
    const cli = fakeCli(fakeSession({ decided }));
    expect(await run(['approve', 'r1', '--plan', 'abc', '--reason', 'looks right'], cli)).toBe(0);
    expect(await run(['resolve', 'r1', '--leave', '--write', '17', '--by', 'sam'], cli)).toBe(0);
    expect(decided).toEqual([
      { action: 'approve', by: 'dana', reason: 'looks right', planHash: 'abc' },
      { action: 'resolve', by: 'sam', writeId: '17', verdict: 'leave' },
    ]);
  });

  it('that is refused exits with 1 and prints the reason', async () => {
    const cli = fakeCli(fakeSession({ refuse: new DecisionRefused('nothing waits for approval') }));
    expect(await run(['approve', 'r1'], cli)).toBe(1);
    expect(cli.err()).toContain('nothing waits for approval');
  });

  it('about a run that does not exist exits with 2', async () => {
    expect(await run(['cancel', 'r2'], fakeCli(fakeSession({ refuse: new RunNotFound('r2') })))).toBe(2);
  });
});

describe('reading the ledger', () => {
  it('lists runs as text and as JSON', async () => {
    const cli = fakeCli(fakeSession({ run: finished() }));
    expect(await run(['runs'], cli)).toBe(0);
    expect(cli.out()).toMatch(/r1 +completed +10 +10/);
    const json = fakeCli(fakeSession({ run: finished() }));
    await run(['runs', '--json'], json);
    expect(JSON.parse(json.out())).toMatchObject({
      runs: [{ runId: 'r1', counts: COUNTS }],
    });
  });

  it('leaves out the last columns of a list that is wider than the terminal', async () => {
    const { stream, text } = sink({ isTTY: true, columns: 45 });
    await run(['runs'], { ...fakeCli(fakeSession({ run: finished() })), stdout: stream });
    expect(text()).toMatch(/run +state +records +settled *\n/);
    expect(text()).not.toContain('started');
  });

  it('watch exits with the code of the run', async () => {
    const codes = [];
    for (const state of ['completed', 'failed', 'rejected', 'cancelled'] as const) {
      codes.push(await run(['watch', 'r1'], fakeCli(fakeSession({ run: finished({ state }) }))));
    }
    expect(codes).toEqual([3, 1, 4, 4]);
  });

  it('audit verify exits with 1 if the audit was tampered with', async () => {
    const cli = fakeCli(fakeSession({}));
    expect(await run(['audit', 'verify'], cli)).toBe(1);
    expect(cli.out()).toContain('entry 2 was changed');
    const json = fakeCli(fakeSession({}));
    expect(await run(['audit', 'verify', '--json'], json)).toBe(1);
    expect(JSON.parse(json.out())).toMatchObject({ finding: { seq: 2 } });
  });

  it('prints an audit without entries as one JSON document', async () => {
    const cli = fakeCli(fakeSession({}));
    await run(['audit', '--json'], cli);
    expect(JSON.parse(cli.out())).toEqual({ entries: [] });
  });
});
