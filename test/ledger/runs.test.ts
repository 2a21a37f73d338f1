import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RunState, WAITS_FOR_PERSON } from '../../src/domain/run.ts';
import { businessKey } from '../../src/ledger/runs/business-key.ts';
import type { Run, RunFilter } from '../../src/ledger/runs/runs.ts';
import {
  claimed,
  group,
  ledgerOfFile,
  openRun,
  plannedRun,
  settlement,
  someId,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();

const asked = (runId: string, more: Partial<{ again: boolean; dryRun: boolean; input: unknown }> = {}) => ({
  runId,
  kind: 'contactImport',
  target: 'L1',
  again: false,
  dryRun: false,
  requestedBy: null,
  input: { listId: 'L1' },
  ...more,
});

describe('opening a run', () => {
  it('many times at once creates one run, which the other calls find', async () => {
    const { ledger } = opened();
    const runId = someId('run');
    const kinds = await Promise.all(upTo(10).map(() => ledger.runs.open(asked(runId))));
    expect(kinds.map(({ kind }) => kind).sort()).toEqual(['opened', ...upTo(9).map(() => 'reopened')]);
    expect(new Set(kinds.map(({ run }) => run.run_no)).size).toBe(1);
  });

  it.each<[RunState, string]>([
    ['completed', 'ended'],
    ['rejected', 'ended'],
    ['cancelled', 'ended'],
    ['failed', 'reopened'],
  ])('that ended as %s is %s', async (state, kind) => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.runs.close(run.run_no, state, { state }, null);
    expect((await ledger.runs.open(asked(run.run_id))).kind).toBe(kind);
  });

  it('does not change a known run before it is reopened, and never one that has ended', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger, { input: { path: 'wrong.csv' } });
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const corrected = asked(run.run_id, { input: { path: 'right.csv' }, dryRun: true });
    expect((await ledger.runs.open(corrected)).run.input).toEqual({ path: 'wrong.csv' });
    await ledger.runs.reopen(corrected);
    expect(await ledger.runs.get(run.run_id)).toMatchObject({ input: { path: 'right.csv' }, dry_run: true });
    await ledger.runs.close(run.run_no, 'completed', null, null);
    await ledger.runs.reopen(asked(run.run_id, { input: { path: 'late.csv' } }));
    expect((await ledger.runs.get(run.run_id)).input).toEqual({ path: 'right.csv' });
  });

  it.each([
    ['without a business key makes it running', null, 'running', null],
    ['with a business key leaves it failed until the key is reserved again', 'key', 'failed', { type: 'X' }],
  ])('that failed %s', async (_, key, state, failure) => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    if (key !== null) await ledger.runs.reserveBusinessKey(run.run_no, someId(key));
    await ledger.runs.close(run.run_no, 'failed', { state: 'failed' }, { type: 'X' });
    await ledger.runs.reopen(asked(run.run_id));
    expect(await ledger.runs.get(run.run_id)).toMatchObject({ state, failure });
  });

  it('comes first: a run that was never opened is not found', async () => {
    const { ledger } = opened();
    expect(await ledger.runs.find('none')).toBeUndefined();
    await expect(ledger.runs.get('none')).rejects.toThrow(/none is not in the ledger/);
  });
});

describe('a business key', () => {
  it('is reserved by one of many runs at the same moment; the others learn by which', async () => {
    const { ledger } = opened();
    const key = someId('key');
    const runs = await Promise.all(upTo(8).map(() => openRun(ledger)));
    const claims = await Promise.all(runs.map(({ run_no }) => ledger.runs.reserveBusinessKey(run_no, key)));
    const winner = claims.findIndex(({ kind }) => kind === 'reserved');
    expect(claims.filter(({ kind }) => kind === 'reserved')).toHaveLength(1);
    for (const claim of claims) if (claim.kind === 'taken') expect(claim.by).toBe(runs[winner]?.run_id);
  });

  it('stays reserved by a run that is running or completed, and is free after any other end', async () => {
    const { ledger } = opened();
    const ends: [RunState, string][] = [
      ['completed', 'taken'],
      ['failed', 'reserved'],
      ['rejected', 'reserved'],
      ['cancelled', 'reserved'],
    ];
    for (const [state, then] of ends) {
      const key = someId('key');
      const [first, second] = [await openRun(ledger), await openRun(ledger)];
      await ledger.runs.reserveBusinessKey(first.run_no, key);
      expect(await ledger.runs.reserveBusinessKey(second.run_no, key)).toMatchObject({ by: first.run_id });
      await ledger.runs.close(first.run_no, state, null, null);
      expect((await ledger.runs.reserveBusinessKey(second.run_no, key)).kind, state).toBe(then);
    }
  });

  it('may be shared by dry runs and by runs with `again`', async () => {
    const { ledger } = opened();
    const key = someId('key');
    const first = await openRun(ledger);
    await ledger.runs.reserveBusinessKey(first.run_no, key);
    for (const more of [{ again: true }, { dryRun: true }]) {
      const { run } = await ledger.runs.open(asked(someId('run'), more));
      expect(await ledger.runs.reserveBusinessKey(run.run_no, key)).toEqual({ kind: 'reserved' });
    }
    await ledger.runs.close(first.run_no, 'failed', null, null);
    const next = await openRun(ledger);
    expect(await ledger.runs.reserveBusinessKey(next.run_no, key)).toEqual({ kind: 'reserved' });
  });

  it('can be reserved again by its owner, which makes a failed run a running one without a result', async () => {
    const { ledger } = opened();
    const key = someId('key');
    const run = await openRun(ledger);
    await ledger.runs.reserveBusinessKey(run.run_no, key);
    await ledger.runs.close(run.run_no, 'failed', { state: 'failed' }, { type: 'NotFound' });
    expect(await ledger.runs.reserveBusinessKey(run.run_no, key)).toEqual({ kind: 'reserved' });
    expect(await ledger.runs.reserveBusinessKey(run.run_no, key)).toEqual({ kind: 'reserved' });
    const now = await ledger.runs.get(run.run_id);
    expect(now).toMatchObject({ state: 'running', result: null, failure: null, finished_at: null });
  });

  it('may be taken by another run while its owner had failed; the owner stays failed', async () => {
    const { ledger } = opened();
    const key = someId('key');
    const [first, second] = [await openRun(ledger), await openRun(ledger)];
    await ledger.runs.reserveBusinessKey(first.run_no, key);
    await ledger.runs.close(first.run_no, 'failed', null, null);
    await ledger.runs.reserveBusinessKey(second.run_no, key);
    expect(await ledger.runs.reserveBusinessKey(first.run_no, key)).toEqual({
      kind: 'taken',
      by: second.run_id,
      isRunning: true,
    });
    expect((await ledger.runs.get(first.run_id)).state).toBe('failed');
  });

  it.each(['completed', 'cancelled', 'rejected'] as const)(
    'cannot be reserved for a %s run by a late attempt',
    async (state) => {
      const { ledger } = opened();
      const run = await openRun(ledger);
      await ledger.runs.close(run.run_no, state, { state }, null);
      await expect(ledger.runs.reserveBusinessKey(run.run_no, someId('key'))).rejects.toThrow(/has ended/);
      expect((await ledger.runs.get(run.run_id)).state).toBe(state);
    },
  );

  it('counts its runs that ended early, for the next default id', async () => {
    const { ledger } = opened();
    const key = someId('key');
    for (const state of ['cancelled', 'rejected', 'failed'] as const) {
      const run = await openRun(ledger);
      await ledger.runs.reserveBusinessKey(run.run_no, key);
      await ledger.runs.close(run.run_no, state, null, null);
    }
    expect(await ledger.runs.countEndedEarly(key)).toBe(2);
  });

  it('is summarized over all runs whose id is made of it, without dry runs', async () => {
    const { ledger } = opened();
    const key = someId('key_%');
    expect(await ledger.runs.summarizeKey(key)).toEqual({ count: 0, newest: null });
    const first = await openRun(ledger, { runId: key });
    await openRun(ledger, { runId: `${key}:2` });
    await ledger.runs.close(first.run_no, 'completed', null, null);
    for (const runId of [`${key}x`, key.replace('_', '-')]) await openRun(ledger, { runId });
    await ledger.runs.open(asked(`${key}:dry-1`, { dryRun: true }));
    const newest = { runId: `${key}:2`, state: 'running' };
    expect(await ledger.runs.summarizeKey(key)).toEqual({ count: 2, newest });
  });
});

describe('the content of a business key', () => {
  it('is equal for equal options in any order, and different for anything else', () => {
    const key = (kind: string, target: string, content: string, options: unknown) =>
      businessKey(kind, target, content, options);
    const base = key('contact-import', 'L1', 'abc', { existing: 'skip', dedupe: 'either' });
    expect(key('contact-import', 'L1', 'abc', { dedupe: 'either', existing: 'skip' })).toBe(base);
    expect(base).toMatch(/^contact-import:L1:[0-9a-f]{24}$/);
    const others = [
      key('contact-import', 'L2', 'abc', { existing: 'skip', dedupe: 'either' }),
      key('contact-import', 'L1', 'abd', { existing: 'skip', dedupe: 'either' }),
      key('contact-import', 'L1', 'abc', { existing: 'update', dedupe: 'either' }),
    ];
    expect(new Set([base, ...others]).size).toBe(4);
  });
});

describe('counts', () => {
  it('add up, and both ways of counting agree, after any sequence of events (property)', async () => {
    const { ledger } = opened();
    const step = fc.constantFrom('settle', 'derive', 'lose', 'release', 'doubt', 'leave', 'resend');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const run = await plannedRun(ledger, 24, 4);
        for (const next of steps) {
          if (next === 'leave' || next === 'resend')
            await ledger.writes.resolve({ runNo: run.run_no, verdict: next, id: null });
          const [write] = await writesOf(ledger, run);
          if (write && next !== 'leave' && next !== 'resend') {
            const { id, seqs } = write;
            const { fence } = await claimed(ledger, run, id);
            if (next === 'lose') await ledger.writes.markUnanswered(id, fence, 'lost');
            if (next === 'release') await ledger.writes.release(id, fence);
            if (next === 'settle')
              await ledger.writes.settle(settlement(id, fence, [group('created', seqs)]));
            if (next === 'derive') {
              const [first = 0, ...rest] = seqs;
              const derived = rest.length ? [{ kind: 'create', seqs: rest }] : [];
              await ledger.writes.settle({
                ...settlement(id, fence, [group('rejected', [first])]),
                derived,
              });
            }
            if (next === 'doubt') {
              const doubt = settlement(id, fence, [group('in_doubt', seqs)]);
              await ledger.writes.settle({ ...doubt, state: 'in_doubt' });
            }
          }
          const counts = await ledger.runs.exactCounts(run.run_no);
          expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
        }
        await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
        await ledger.records.cancelPending(run.run_no, { code: 'run_cancelled' });
        const counts = await ledger.runs.exactCounts(run.run_no);
        expect(counts.pending).toBe(0);
        expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
      }),
      { numRuns: 25 },
    );
  });
});

describe('the list of runs', () => {
  it('has the newest first, all or those of one operation on one target', async () => {
    const { ledger } = opened();
    const first = await openRun(ledger, { kind: 'listLoad' });
    const other = await openRun(ledger);
    const second = await openRun(ledger, { kind: 'listLoad' });
    const ids = (runs: readonly { run_id: string }[]) => runs.map(({ run_id: id }) => id);
    expect(ids(await ledger.runs.list(3))).toEqual(ids([second, other, first]));
    expect(ids(await ledger.runs.list(9, { kind: 'listLoad', target: 'L1' }))).toEqual(ids([second, first]));
    expect(await ledger.runs.list(9, { kind: 'listLoad', target: 'L2' })).toEqual([]);
  });

  it('can be limited to what matters, is read page by page, and counts what is left', async () => {
    const { ledger } = opened();
    const runs: Run[] = [];
    for (let i = 0; i < 5; i += 1) runs.push(await openRun(ledger, { kind: 'paged' }));
    const [first, second, third, fourth, fifth] = runs as [Run, Run, Run, Run, Run];
    await ledger.runs.setPhase(second.run_no, 'paused', 'resume');
    await ledger.runs.setPhase(third.run_no, 'writing', null);
    await ledger.runs.close(fourth, 'failed', null, null);
    const list = async (filter: RunFilter, limit = 9) =>
      (await ledger.runs.list(limit, { kind: 'paged', ...filter })).map(({ run_no: runNo }) => runNo);
    const numbers = (...of: readonly Run[]) => of.map(({ run_no: runNo }) => runNo);
    expect(await list({ state: 'failed' })).toEqual(numbers(fourth));
    expect(await list({ state: 'running' })).toEqual(numbers(fifth, third, second, first));
    expect(await list({ phases: WAITS_FOR_PERSON })).toEqual(numbers(second));
    expect(await list({ since: third.started_at })).toEqual(numbers(fifth, fourth, third));
    expect(await list({}, 2)).toEqual(numbers(fifth, fourth));
    expect(await list({ before: fourth.run_no }, 2)).toEqual(numbers(third, second));
    expect(await ledger.runs.count({ kind: 'paged', before: second.run_no })).toBe(1);
    expect(await ledger.runs.count({ kind: 'paged', state: 'completed' })).toBe(0);
  });

  it('has the counts of many runs in the order that was asked for', async () => {
    const { ledger } = opened();
    const [a, b] = [await openRun(ledger), await plannedRun(ledger, 3)];
    const [countsB, countsA] = await ledger.runs.countsOf([b.run_no, a.run_no]);
    expect(countsA).toEqual({ total: 0, pending: 0 });
    expect(countsB).toEqual({ total: 3, pending: 3 });
    await expect(ledger.runs.countsOf([a.run_no, 0])).rejects.toThrow('there is no run 0');
  });

  it('finds ids by their beginning, which may have any characters', async () => {
    const { ledger } = opened();
    for (const runId of ['50%:a_1', '50%:ab1', '50x:a_1']) await openRun(ledger, { runId });
    expect(await ledger.runs.listIds('50%:a', 9)).toEqual(['50%:ab1', '50%:a_1']);
    expect(await ledger.runs.listIds('50%:a_', 9)).toEqual(['50%:a_1']);
    expect(await ledger.runs.listIds('', 1)).toEqual(['50x:a_1']);
    expect(await ledger.runs.listIds('50%:a_12', 1)).toEqual([]);
  });
});
