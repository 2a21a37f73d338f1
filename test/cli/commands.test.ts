import { describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { DecisionRefused, RunNotFound } from '../../src/client.ts';
import type { Decision } from '../../src/contract/steering.ts';
import { until } from '../harness/wait.ts';
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

  it('in advance asks to be kept, and the output says that it is', async () => {
    const decided: Decision[] = [];
    const cli = fakeCli(fakeSession({ decided }));
    expect(await run(['approve', 'r1', '--when-planned', '--plan', 'abc'], cli)).toBe(0);
    expect(decided).toEqual([{ action: 'approve', by: 'dana', planHash: 'abc', whenPlanned: true }]);
    expect(cli.out()).toContain('approved in advance; kept until there is a plan: r1 (now staging)');
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

  it('shows runs on two lines if they are wider than the terminal, and no line is longer than it', async () => {
    const runId = 'contact-import:L1:3f9a0c1d2e4b5a67890abcde:dry-1a2b3c4d';
    const known = finished({ run_id: runId, dry_run: true, requested_by: 'dana' });
    const print = async (columns: number) => {
      const { stream, text } = sink({ isTTY: true, columns });
      const env = { NO_COLOR: '1' };
      await run(['runs'], { ...fakeCli(fakeSession({ run: known }), { env }), stdout: stream });
      return text().trimEnd().split('\n');
    };
    expect((await print(140))[1]).toMatch(
      /^  contact-import\S+  planned \(dry run\) +10 +10  2026-\S+ \S+  dana$/,
    );
    for (const columns of [80, 60]) {
      const lines = await print(columns);
      expect(lines).toHaveLength(3);
      expect(lines[1]).toMatch(/^  planned \(dry run\) +10 +10  2026-/);
      expect(lines[2]).toBe(`    ${runId}`);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    }
  });

  it('watch exits with the code of the run', async () => {
    const codes = [];
    for (const state of ['completed', 'failed', 'rejected', 'cancelled'] as const) {
      codes.push(await run(['watch', 'r1'], fakeCli(fakeSession({ run: finished({ state }) }))));
    }
    expect(codes).toEqual([3, 1, 4, 4]);
  });

  it.each([
    [['watch', 'r1']],
    [['contacts', 'import', 'c.csv', '--list', 'L1', '--json']],
    [['list', 'load', 'c.csv', '--list', 'L1', '--campaign', 'C1']],
  ])('%j exits with 130 after Ctrl-C, and says that the run continues and how to go on', async (argv) => {
    const running = finished({ state: 'running', phase: 'writing', finished_at: null });
    const session = fakeSession({ run: running });
    const cli = fakeCli(session);
    const before = process.listenerCount('SIGINT');
    const ended = run(argv, cli);
    await until(() => process.listenerCount('SIGINT') > before, Boolean);
    process.emit('SIGINT');
    expect(await ended).toBe(130);
    const text = argv.includes('--json') ? cli.err() : cli.out();
    expect(text).toContain('the run continues in the background: r1');
    expect(text).toMatch(/cxflow watch r1[^]*cxflow cancel r1/);
    if (argv.includes('--json'))
      expect(JSON.parse(cli.out())).toMatchObject({ runId: 'r1', state: 'running' });
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
