import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/cli/terminal/progress-line.ts';
import { type FollowOptions, follow } from '../../src/cli/watching/follow.ts';
import type { Executions } from '../../src/client/executions.ts';
import type { Counts } from '../../src/domain/run.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { RateBlock } from '../../src/ledger/writes/rate-budget.ts';
import { fakeRun } from '../harness/fake-run.ts';

const COUNTS: Counts = { total: 10, pending: 4, created: 6 };
const DONE: Counts = { total: 10, pending: 0, created: 10 };

interface Scene {
  /** What the ledger has at that millisecond of the fake clock. It throws while the database is down. */
  readonly ledger: (ms: number) => { run: Run; counts: Counts } | undefined;
  readonly executions?: Partial<Executions>;
  readonly blocks?: readonly RateBlock[];
  /** Ctrl-C at that millisecond. */
  readonly interruptMs?: number;
}

/** Runs `follow` with a fake clock that advances only while it sleeps. */
async function play({ ledger, executions, blocks = [], interruptMs = 600_000 }: Scene) {
  const clock = { ms: 0 };
  const controller = new AbortController();
  const shown: Snapshot[] = [];
  const waited: string[] = [];
  let ended = false;
  const options: FollowOptions = {
    ledger: {
      runs: {
        find: async () => Promise.resolve(ledger(clock.ms)?.run),
        counts: async () => Promise.resolve(ledger(clock.ms)?.counts ?? COUNTS),
      },
      rateBudget: {
        list: () =>
          Promise.resolve(blocks.map((block) => ({ ...block, block, nextFreeAt: null, queues: [] }))),
      },
    },
    executions: {
      status: () => Promise.resolve('running'),
      failure: () => Promise.resolve(null),
      findWorker: () => Promise.resolve('answers'),
      ...executions,
    },
    view: {
      update: (snapshot) => void shown.push(snapshot),
      print: () => undefined,
      end: () => void (ended = true),
    },
    command: 'cxflow',
    signal: controller.signal,
    onWaiting: (run) => Promise.resolve(void waited.push(run.phase)),
    nowMs: () => clock.ms,
    sleep: async (ms) => {
      clock.ms += ms;
      if (clock.ms >= interruptMs) controller.abort();
      await Promise.resolve();
    },
  };
  const followed = await follow('r1', options);
  const troubles = [...new Set(shown.map(({ trouble }) => trouble).filter((trouble) => trouble !== null))];
  return { followed, shown, waited, troubles, ended, ms: clock.ms };
}

const running = (change: Partial<Run> = {}) => ({ run: fakeRun(change), counts: COUNTS });
const ended = (change: Partial<Run> = {}) => ({
  run: fakeRun({ state: 'completed', phase: 'done', ...change }),
  counts: DONE,
});
const databaseDown = () => {
  throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
};

describe('following a run', () => {
  it('continues until the run has ended in the ledger', async () => {
    const { followed, ended: cleared } = await play({ ledger: (ms) => (ms < 5_000 ? running() : ended()) });
    expect(followed).toMatchObject({ kind: 'ended', counts: DONE, failure: null });
    expect(cleared).toBe(true);
  });

  it('waits for a run that the ledger does not have yet', async () => {
    const { followed, shown } = await play({ ledger: (ms) => (ms < 20_000 ? undefined : ended()) });
    expect(shown[0]?.phase).toBe('starting');
    expect(followed.kind).toBe('ended');
  });

  it('reports a run that failed before it reached the ledger', async () => {
    const failure = { type: 'InvalidInput', message: 'listId is missing' };
    const { followed } = await play({
      ledger: () => undefined,
      executions: { status: () => Promise.resolve('ended'), failure: () => Promise.resolve(failure) },
    });
    expect(followed).toEqual({ kind: 'never_began', failure });
  });

  it('reports a run as unknown if neither the ledger nor Temporal has it', async () => {
    const { followed } = await play({
      ledger: () => undefined,
      executions: { status: () => Promise.resolve('unknown') },
    });
    expect(followed).toEqual({ kind: 'unknown' });
  });

  it('reports a run as failed if its workflow was terminated', async () => {
    const { followed } = await play({
      ledger: () => running(),
      executions: {
        status: () => Promise.resolve('ended'),
        failure: () => Promise.resolve({ type: 'Terminated', message: 'by hand' }),
      },
    });
    expect(followed).toMatchObject({
      kind: 'ended',
      run: { state: 'failed' },
      failure: { type: 'Terminated' },
    });
  });

  it('does not take an earlier failure for the end of a run that was started again', async () => {
    const failed = ended({ state: 'failed' });
    const { followed } = await play({
      ledger: (ms) => (ms < 3_000 ? failed : ms < 6_000 ? running() : ended()),
    });
    expect(followed).toMatchObject({ kind: 'ended', run: { state: 'completed' } });
  });

  it('survives a database that is down, keeps the last state on the screen, and says so', async () => {
    const { followed, shown, troubles } = await play({
      ledger: (ms) => (ms < 2_000 ? running() : ms < 9_000 ? databaseDown() : ended()),
    });
    expect(followed.kind).toBe('ended');
    expect(troubles).toEqual(['the database does not answer; trying again']);
    expect(shown.every(({ counts }) => counts !== null)).toBe(true);
  });

  it('throws an error that is not transient', async () => {
    const wrong = () => {
      throw Object.assign(new Error('permission denied'), { code: '42501' });
    };
    await expect(play({ ledger: wrong })).rejects.toThrow('permission denied');
  });

  it('shows that no worker answers while the run is stalled', async () => {
    const { shown, troubles } = await play({
      ledger: (ms) => (ms < 30_000 ? running({ phase: 'staging' }) : ms < 32_000 ? running() : ended()),
      executions: { findWorker: () => Promise.resolve('none') },
    });
    expect(troubles).toEqual(['no worker answers; start one with `cxflow worker`']);
    expect(shown.at(-1)?.trouble).toBeNull();
  });

  it('does not claim that there is no worker while one is busy', async () => {
    const { troubles } = await play({
      ledger: (ms) => (ms < 30_000 ? running({ phase: 'staging' }) : ended()),
      executions: { findWorker: () => Promise.resolve('busy') },
    });
    expect(troubles).toEqual(['the worker is busy, or has just stopped; waiting for it']);
  });

  it('shows that the rate limit blocks a run that is stalled', async () => {
    const [since, until] = [new Date('2026-03-01T10:00:00Z'), new Date('2026-03-02T10:00:00Z')];
    const { troubles } = await play({
      ledger: (ms) => (ms < 30_000 ? running() : ended()),
      blocks: [{ tenant: 't', since, until, reason: 'a 429' }],
    });
    expect(troubles).toEqual([
      expect.stringMatching(/no request of t leaves until 2026-03-.*`cxflow limits`/),
    ]);
  });

  it('does not look for a worker while the run waits for a person, and announces that once', async () => {
    const { waited, troubles } = await play({
      ledger: (ms) => (ms < 60_000 ? running({ phase: 'awaiting_approval' }) : ended()),
      executions: { findWorker: () => Promise.resolve('none') },
    });
    expect(waited).toEqual(['awaiting_approval']);
    expect(troubles).toEqual([]);
  });

  it('announces another question at once', async () => {
    const asked = (ms: number) => `resolve of 1 conflict: lists/L2 (${ms < 5_000 ? 'h1' : 'h2'})`;
    const { waited } = await play({
      ledger: (ms) => (ms < 10_000 ? running({ phase: 'conflict', waiting_for: asked(ms) }) : ended()),
    });
    expect(waited).toEqual(['conflict', 'conflict']);
  });

  it('stops watching on Ctrl-C, even while the database does not answer', async () => {
    expect((await play({ ledger: () => running(), interruptMs: 3_000 })).followed).toEqual({ kind: 'left' });
    expect((await play({ ledger: databaseDown, interruptMs: 3_000 })).followed).toEqual({ kind: 'left' });
  });
});
