/** A preference run that ends before its end: what had gone out is proved, and no objection is lost. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { claimed, group, ledgerOfFile, writesOf, settlement, someId, upTo } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { perform, type WorkerOptions, wholeOf } from './harness.ts';
import { day, guid, optIn, optOut, outcomesOf, type Row, stagedRun, stored, stand } from './preferences.ts';

const opened = ledgerOfFile();

async function onSimulator(options: SimulatorOptions = {}, workerOptions: WorkerOptions = {}) {
  const { cxone, admin } = await startSimulator(options);
  const { ledger, database } = opened();
  const standing = stand(ledger, cxone, { tenant: someId('tenant'), ...workerOptions });
  const end = (run: Run, state: 'cancelled' | 'rejected' | 'failed') => {
    const failure = state === 'failed' ? { type: 'CredentialsRefused', message: '' } : null;
    return perform(() => standing.activities.closeRun({ runId: run.run_id, state, failure }));
  };
  const planned = async (rows: readonly Row[], input: object = {}) => {
    const run = await stagedRun(ledger, rows, input);
    await standing.plan(run);
    return run;
  };
  const suppressed = async (n: number) => (await ledger.suppressions.find([guid(n)], ['email'])).length > 0;
  /** Whoever held a lease is gone. */
  const endLeases = (run: Run) =>
    sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}
      and state = 'sending'`.execute(database.db);
  return { ...standing, admin, ledger, end, planned, suppressed, endLeases };
}

let people = 500;
const someone = (): number => (people += 1);

const LOST: FaultRule = {
  match: { method: 'POST', family: 'preferences' },
  times: 9,
  fault: { reset: 'after' },
};

describe('an objection takes effect when it is staged', () => {
  it('while its run waits for an approval', async () => {
    const { planned, suppressed } = await onSimulator();
    const [no, yes] = [someone(), someone()];
    await planned([optOut(no, 5), optIn(yes, 5)], { approval: true });
    expect([await suppressed(no), await suppressed(yes)]).toEqual([true, false]);
  });

  it('but not in a dry run, which changes nothing', async () => {
    const { planned, suppressed } = await onSimulator();
    const no = someone();
    await planned([optOut(no, 5)], { dryRun: true });
    expect(await suppressed(no)).toBe(false);
  });

  it('and gives way to a newer opt-in of the same file, once CXone has it', async () => {
    const { play, suppressed } = await onSimulator();
    const again = someone();
    await play([optOut(again, 5), optIn(again, 9)]);
    expect(await suppressed(again)).toBe(false);
  });

  it('and to a newer consent that CXone has', async () => {
    const { play, admin, suppressed } = await onSimulator();
    const again = someone();
    await admin.seedPreferences([stored(optIn(again, 25))]);
    await play([optOut(again, 20)]);
    expect(await suppressed(again)).toBe(false);
  });
});

describe('objections of a run that ends before its end', () => {
  it.each([
    ['cancelled', 'cancelled run_cancelled on_our_suppression_list', 'cancelled run_cancelled'],
    ['rejected', 'cancelled plan_rejected on_our_suppression_list', 'cancelled plan_rejected'],
    ['failed', 'pending', 'pending'],
  ] as const)('that were never sent are on our own list: %s', async (state, objected, other) => {
    const { planned, end, suppressed, ledger } = await onSimulator();
    const [no, yes] = [someone(), someone()];
    const run = await planned([optOut(no, 5), optIn(yes, 5)]);
    const result = (await end(run, state)) as PreferenceUpdateResult;
    expect(await outcomesOf(ledger, run)).toEqual({ 1: objected, 2: other });
    expect([await suppressed(no), await suppressed(yes)]).toEqual([true, false]);
    expect(await ledger.suppressions.find([guid(no)], ['email'])).toMatchObject([
      { since: new Date(day(5)) },
    ]);
    expect(result.suppressions).toBe(state === 'failed' ? 0 : 1);
    expect(await ledger.consentProof.list(guid(no)), 'nothing was sent').toEqual([]);
  });

  it('whose answer was lost are on the list and in the proof, once, however often the end is repeated', async () => {
    const { planned, end, suppressed, writePage, ledger } = await onSimulator({ faults: [LOST] });
    const [no, yes] = [someone(), someone()];
    const run = await planned([optOut(no, 5), optIn(yes, 5)], { guard: false });
    await expect(writePage(wholeOf(run))).rejects.toThrow(/may have been carried out/);
    const result = await end(run, 'cancelled');
    expect(await end(run, 'cancelled')).toMatchObject({ counts: result.counts });
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'in_doubt answer_lost on_our_suppression_list',
      2: 'in_doubt answer_lost',
    });
    expect([await suppressed(no), await suppressed(yes)]).toEqual([true, false]);
    for (const n of [no, yes]) {
      const proof = await ledger.consentProof.list(guid(n));
      expect(proof).toMatchObject([
        { runId: run.run_id, outcome: 'in_doubt', httpStatus: null, reasons: ['answer_lost'] },
      ]);
      expect(proof[0]?.batchKey).toMatch(/^[0-9a-f]{64}$/);
      expect(Date.parse(proof[0]?.sentAt ?? '')).not.toBeNaN();
    }
  });

  it('are put on the list by no rehearsal', async () => {
    const { planned, end, suppressed } = await onSimulator();
    const no = someone();
    await end(await planned([optOut(no, 5)], { dryRun: true }), 'cancelled');
    expect(await suppressed(no)).toBe(false);
  });

  it('are sent by the retry, and a newer consent ends what the list says', async () => {
    const { planned, end, play, suppressed } = await onSimulator();
    const no = someone();
    const run = await planned([optOut(no, 5)]);
    await end(run, 'cancelled');
    const retried = await stagedRun(opened().ledger, [], { source: { retryOf: run.run_id } });
    const { plan, writeAll, close } = await onSimulator();
    await plan(retried);
    await writeAll(retried);
    expect((await close(retried)).counts).toMatchObject({ updated: 1 });
    expect(await suppressed(no), 'until then').toBe(true);
    await play([optIn(no, 9)]);
    expect(await suppressed(no)).toBe(false);
  });
});

describe('what an answer after all settles', () => {
  it('at a cancel is proved with it, and a consent that was taken ends an older objection', async () => {
    const { planned, end, suppressed, endLeases, ledger } = await onSimulator();
    const yes = someone();
    const objection = { contactId: guid(yes), channel: 'email', reason: 'x', since: day(3) } as const;
    await ledger.suppressions.add([objection], null);
    const run = await planned([optIn(yes, 5)], { guard: false });
    const [write] = await writesOf(ledger, run);
    const id = write?.id ?? '';
    const { fence } = await claimed(ledger, run, id);
    await endLeases(run);
    await claimed(ledger, run, id);
    // Of a holder that is one no more.
    expect(await ledger.writes.settle(settlement(id, fence, [group('updated', [1])]))).toBe(false);
    await endLeases(run);
    await end(run, 'cancelled');
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'updated' });
    expect(await suppressed(yes)).toBe(false);
    expect(await ledger.consentProof.list(guid(yes))).toMatchObject([
      { outcome: 'updated', evidence: 'late_answer', httpStatus: 200 },
    ]);
  });
});

describe('a batch that went out and has to be read back', () => {
  const UNREADABLE: FaultRule = {
    match: { method: 'GET', family: 'preferences' },
    times: 99,
    fault: { truncate: 'clean' },
  };

  it('is in doubt when the run is cancelled before that, and no retry takes it', async () => {
    const { planned, writePage, end, suppressed, ledger } = await onSimulator(
      { faults: [LOST, { ...UNREADABLE, fault: { status: 503 } }] },
      { keyLifeMs: 0 },
    );
    const [no, yes, later] = [someone(), someone(), someone()];
    const run = await planned([optOut(no, 5), optIn(yes, 5), optIn(later, 5)], { guard: false });
    await expect(writePage(wholeOf(run))).rejects.toThrow(/may have been carried out/);
    // The batch's own write stands for the one that reads back: planned, with the key of what was sent.
    await sql`update writes set state = 'planned', lost_answers = 0, kind = 'read_back',
      refs = '{"batchKey": "k"}' where run_no = ${run.run_no}`.execute(opened().database.db);
    await end(run, 'failed');
    expect(await ledger.retries.findObstacle(await ledger.runs.get(run.run_id))).toMatch(
      /writes of 3 records without an answer/,
    );
    await end(run, 'cancelled');
    expect(new Set(Object.values(await outcomesOf(ledger, run)))).toEqual(
      new Set(['in_doubt answer_lost on_our_suppression_list', 'in_doubt answer_lost']),
    );
    expect(await suppressed(no)).toBe(true);
    expect(await ledger.consentProof.list(guid(yes))).toMatchObject([{ batchKey: 'k', outcome: 'in_doubt' }]);
  });

  it('is cancelled where CXone has said that it did not take it', async () => {
    const { planned, end, ledger } = await onSimulator();
    const run = await planned(upTo(2).map(() => optIn(someone(), 5)));
    await sql`update writes set kind = 'read_back', refs = '{"batchKey": "k", "decided": true}'
      where run_no = ${run.run_no}`.execute(opened().database.db);
    await end(run, 'cancelled');
    expect(new Set(Object.values(await outcomesOf(ledger, run)))).toEqual(
      new Set(['cancelled run_cancelled']),
    );
  });

  it('is in doubt, on the list and in the proof where nobody can read it', async () => {
    const { play, suppressed, ledger } = await onSimulator(
      { faults: [{ ...LOST, times: 1 }, UNREADABLE] },
      { keyLifeMs: 0 },
    );
    const [no, yes] = [someone(), someone()];
    const { run, result } = await play([optOut(no, 5), optIn(yes, 5)], { guard: false });
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'in_doubt answer_lost on_our_suppression_list',
      2: 'in_doubt answer_lost',
    });
    expect(result.counts).toMatchObject({ in_doubt: 2, pending: 0 });
    expect([await suppressed(no), await suppressed(yes)]).toEqual([true, false]);
    expect(await ledger.consentProof.list(guid(yes))).toMatchObject([
      { outcome: 'in_doubt', httpStatus: null },
    ]);
  });
});

describe('the proof', () => {
  it('says when the batch left: before it was answered', async () => {
    const { play, ledger } = await onSimulator({ latencyMs: 100 });
    const yes = someone();
    await play([optIn(yes, 5)], { guard: false });
    const [entry] = await ledger.consentProof.list(guid(yes));
    expect(Date.parse(entry?.sentAt ?? '')).toBeLessThan(entry?.at.getTime() ?? 0);
  });
});
