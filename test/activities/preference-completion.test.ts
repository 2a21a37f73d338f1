/** A preference update that ends early: what was sent is proven, and no objection is lost. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { claimed, group, settlement, upTo, writesOf } from '../ledger/harness.ts';
import { allBatches, runActivity } from './harness.ts';
import {
  day,
  guid,
  listOutcomes,
  nextPerson,
  openRunOf,
  optIn,
  optOut,
  type Row,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { opened, start: startWorker } = rowWorkersOfFile();

async function start(...options: Parameters<typeof startWorker>) {
  const worker = await startWorker(...options);
  const { ledger } = worker;
  const end = (run: Run, state: 'cancelled' | 'rejected' | 'failed') => {
    const failure = state === 'failed' ? { type: 'CredentialsRefused', message: '' } : null;
    return runActivity(() => worker.activities.closeRun({ runId: run.run_id, state, failure }));
  };
  const planned = async (rows: readonly Row[], input: object = {}) => {
    const run = await openRunOf(ledger, rows, input);
    await worker.plan(run);
    return run;
  };
  const isSuppressed = async (n: number) => (await ledger.suppressions.find([guid(n)], ['email'])).length > 0;
  const expireLeases = (run: Run) =>
    sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}
      and state = 'sending'`.execute(opened().database.db);
  return { ...worker, end, planned, isSuppressed, expireLeases };
}

const LOST: FaultRule = {
  match: { method: 'POST', family: 'preferences' },
  times: 9,
  fault: { reset: 'after' },
};

describe('an opt-out takes effect when it is staged', () => {
  it('while its run waits for approval', async () => {
    const { planned, isSuppressed } = await start();
    const [no, yes] = [nextPerson(), nextPerson()];
    await planned([optOut(no, 5), optIn(yes, 5)], { approval: true });
    expect([await isSuppressed(no), await isSuppressed(yes)]).toEqual([true, false]);
  });

  it('but not in a dry run', async () => {
    const { planned, isSuppressed } = await start();
    const no = nextPerson();
    await planned([optOut(no, 5)], { dryRun: true });
    expect(await isSuppressed(no)).toBe(false);
  });

  it('until CXone has a newer opt-in of the same source', async () => {
    const { runToEnd, isSuppressed } = await start();
    const again = nextPerson();
    await runToEnd([optOut(again, 5), optIn(again, 9)]);
    expect(await isSuppressed(again)).toBe(false);
  });

  it('unless CXone has a newer consent', async () => {
    const { runToEnd, admin, isSuppressed } = await start();
    const again = nextPerson();
    await admin.seedPreferences([stored(optIn(again, 25))]);
    await runToEnd([optOut(again, 20)]);
    expect(await isSuppressed(again)).toBe(false);
  });
});

describe('opt-outs of a run that ends early', () => {
  it.each([
    ['cancelled', 'cancelled run_cancelled on_our_suppression_list', 'cancelled run_cancelled'],
    ['rejected', 'cancelled plan_rejected on_our_suppression_list', 'cancelled plan_rejected'],
    ['failed', 'pending', 'pending'],
  ] as const)('are on our own suppression list if they were not sent: %s', async (state, objected, other) => {
    const { planned, end, isSuppressed, ledger } = await start();
    const [no, yes] = [nextPerson(), nextPerson()];
    const run = await planned([optOut(no, 5), optIn(yes, 5)]);
    const result = (await end(run, state)) as PreferenceUpdateResult;
    expect(await listOutcomes(ledger, run)).toEqual({ 1: objected, 2: other });
    expect([await isSuppressed(no), await isSuppressed(yes)]).toEqual([true, false]);
    expect(await ledger.suppressions.find([guid(no)], ['email'])).toMatchObject([
      { since: new Date(day(5)) },
    ]);
    expect(result.suppressions).toBe(state === 'failed' ? 0 : 1);
    expect(await ledger.consentProof.list(guid(no)), 'nothing was sent').toEqual([]);
  });

  it('are on the list and proven once if their answer was lost, however often closing is repeated', async () => {
    const { planned, end, isSuppressed, writePage, ledger } = await start({ faults: [LOST] });
    const [no, yes] = [nextPerson(), nextPerson()];
    const run = await planned([optOut(no, 5), optIn(yes, 5)], { guard: false });
    await expect(writePage(allBatches(run))).rejects.toThrow(/may have been carried out/);
    const result = await end(run, 'cancelled');
    expect(await end(run, 'cancelled')).toMatchObject({ counts: result.counts });
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'in_doubt answer_lost on_our_suppression_list',
      2: 'in_doubt answer_lost',
    });
    expect([await isSuppressed(no), await isSuppressed(yes)]).toEqual([true, false]);
    for (const n of [no, yes]) {
      const proof = await ledger.consentProof.list(guid(n));
      expect(proof).toMatchObject([
        { runId: run.run_id, outcome: 'in_doubt', httpStatus: null, reasons: ['answer_lost'] },
      ]);
      expect(proof[0]?.batchKey).toMatch(/^[0-9a-f]{64}$/);
      expect(Date.parse(proof[0]?.sentAt ?? '')).not.toBeNaN();
    }
  });

  it('are not put on the list by a dry run', async () => {
    const { planned, end, isSuppressed } = await start();
    const no = nextPerson();
    await end(await planned([optOut(no, 5)], { dryRun: true }), 'cancelled');
    expect(await isSuppressed(no)).toBe(false);
  });

  it('are sent by the retry, and leave the list with a newer consent', async () => {
    const { planned, end, runToEnd, isSuppressed } = await start();
    const no = nextPerson();
    const run = await planned([optOut(no, 5)]);
    await end(run, 'cancelled');
    const retried = await openRunOf(opened().ledger, [], { source: { retryOf: run.run_id } });
    const { plan, writeAll, close } = await start();
    await plan(retried);
    await writeAll(retried);
    expect((await close(retried)).counts).toMatchObject({ updated: 1 });
    expect(await isSuppressed(no), 'until CXone has a newer consent').toBe(true);
    await runToEnd([optIn(no, 9)]);
    expect(await isSuppressed(no)).toBe(false);
  });
});

describe('a batch that a late answer settles', () => {
  it('is proven when the run is cancelled, and its consents end older objections', async () => {
    const { planned, end, isSuppressed, expireLeases, ledger } = await start();
    const yes = nextPerson();
    const objection = { contactId: guid(yes), channel: 'email', reason: 'x', since: day(3) } as const;
    await ledger.suppressions.add([objection], null);
    const run = await planned([optIn(yes, 5)], { guard: false });
    const [write] = await writesOf(ledger, run);
    const id = write?.id ?? '';
    const { fence } = await claimed(ledger, run, id);
    await expireLeases(run);
    await claimed(ledger, run, id);
    // From a worker that has lost its lease.
    expect(await ledger.writes.settle(settlement(id, fence, [group('updated', [1])]))).toBe(false);
    await expireLeases(run);
    await end(run, 'cancelled');
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated' });
    expect(await isSuppressed(yes)).toBe(false);
    expect(await ledger.consentProof.list(guid(yes))).toMatchObject([
      { outcome: 'updated', evidence: 'late_answer', httpStatus: 200 },
    ]);
  });
});

describe('a guard whose worker has died in its lookups', () => {
  async function interrupted() {
    const worker = await start();
    const no = nextPerson();
    const run = await worker.planned([optOut(no, 5)]);
    const [write] = await writesOf(worker.ledger, run);
    await claimed(worker.ledger, run, write?.id ?? '');
    await worker.expireLeases(run);
    return { ...worker, no, run };
  }

  it('proves nothing if the run is cancelled, because no batch has left', async () => {
    const { ledger, run, end, no, isSuppressed } = await interrupted();
    await end(run, 'cancelled');
    expect(await ledger.consentProof.list(guid(no))).toEqual([]);
    expect(await isSuppressed(no)).toBe(true);
  });

  it('looks the preferences up before the batch leaves', async () => {
    const { ledger, run, writeAll, countRequests } = await interrupted();
    await writeAll(run);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated' });
    expect([await countRequests('GET'), await countRequests('POST')]).toEqual([1, 1]);
  });
});

describe('a batch that was sent and has to be read back', () => {
  const UNREADABLE: FaultRule = {
    match: { method: 'GET', family: 'preferences' },
    times: 99,
    fault: { truncate: 'clean' },
  };

  it('is in doubt if the run is cancelled before that, and no retry takes it up', async () => {
    const { planned, writePage, end, isSuppressed, ledger } = await start(
      { faults: [LOST, { ...UNREADABLE, fault: { status: 503 } }] },
      { keyLifeMs: 0 },
    );
    const [no, yes, later] = [nextPerson(), nextPerson(), nextPerson()];
    const run = await planned([optOut(no, 5), optIn(yes, 5), optIn(later, 5)], { guard: false });
    await expect(writePage(allBatches(run))).rejects.toThrow(/may have been carried out/);
    // Turns the write into a planned read-back with the key of the batch that was sent.
    await sql`update writes set state = 'planned', lost_answers = 0, kind = 'read_back',
      refs = '{"batchKey": "k"}' where run_no = ${run.run_no}`.execute(opened().database.db);
    await end(run, 'failed');
    expect(await ledger.retries.findObstacle(await ledger.runs.get(run.run_id))).toMatch(
      /writes of 3 records without an answer/,
    );
    await end(run, 'cancelled');
    expect(new Set(Object.values(await listOutcomes(ledger, run)))).toEqual(
      new Set(['in_doubt answer_lost on_our_suppression_list', 'in_doubt answer_lost']),
    );
    expect(await isSuppressed(no)).toBe(true);
    expect(await ledger.consentProof.list(guid(yes))).toMatchObject([{ batchKey: 'k', outcome: 'in_doubt' }]);
  });

  it('is cancelled if CXone has answered that it did not apply it', async () => {
    const { planned, end, ledger } = await start();
    const run = await planned(upTo(2).map(() => optIn(nextPerson(), 5)));
    await sql`update writes set kind = 'read_back', refs = '{"batchKey": "k", "decided": true}'
      where run_no = ${run.run_no}`.execute(opened().database.db);
    await end(run, 'cancelled');
    expect(new Set(Object.values(await listOutcomes(ledger, run)))).toEqual(
      new Set(['cancelled run_cancelled']),
    );
  });

  it('is in doubt, on the list and proven if it cannot be read back', async () => {
    const { runToEnd, isSuppressed, ledger } = await start(
      { faults: [{ ...LOST, times: 1 }, UNREADABLE] },
      { keyLifeMs: 0 },
    );
    const [no, yes] = [nextPerson(), nextPerson()];
    const { run, result } = await runToEnd([optOut(no, 5), optIn(yes, 5)], { guard: false });
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'in_doubt answer_lost on_our_suppression_list',
      2: 'in_doubt answer_lost',
    });
    expect(result.counts).toMatchObject({ in_doubt: 2, pending: 0 });
    expect([await isSuppressed(no), await isSuppressed(yes)]).toEqual([true, false]);
    expect(await ledger.consentProof.list(guid(yes))).toMatchObject([
      { outcome: 'in_doubt', httpStatus: null },
    ]);
  });
});

describe('a proof entry', () => {
  it('has the time at which the batch was sent, before it was answered', async () => {
    const { runToEnd, ledger } = await start({ latencyMs: 100 });
    const yes = nextPerson();
    await runToEnd([optIn(yes, 5)], { guard: false });
    const [entry] = await ledger.consentProof.list(guid(yes));
    expect(Date.parse(entry?.sentAt ?? '')).toBeLessThan(entry?.at.getTime() ?? 0);
  });
});
