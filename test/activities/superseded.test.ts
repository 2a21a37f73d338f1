/** Attempts of an activity that Temporal has replaced by new ones, and runs that were started again in the meantime. */
import { describe, expect, it } from 'vitest';
import type { CommonInput } from '../../src/contract/run.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import {
  claimed,
  expireLease,
  ledgerOfFile,
  openRun as openRunInLedger,
  plannedRun,
  someId,
  upTo,
  writesOf,
} from '../ledger/harness.ts';
import { createEnvironment, createWorker, fakeCxone, runActivity, type TestWorker } from './harness.ts';
import { csv, useSourceFolder } from './source-folder.ts';

const opened = ledgerOfFile();
const { folder, writeCsv } = useSourceFolder(opened);
type Activities = TestWorker['activities'];

/** Runs an attempt that was scheduled at this time. */
const at = <R>(currentAttemptScheduledTimestampMs: number, activity: () => Promise<R>, activityId = 'a') =>
  runActivity(activity, createEnvironment({ activityId, currentAttemptScheduledTimestampMs }));

const INPUT = { listId: 'L1', source: { dataset: 'd' } } as CommonInput;
const SUPERSEDED = { type: 'Superseded', nonRetryable: false };
const worker = (ledger: Ledger = opened().ledger) =>
  createWorker(ledger, fakeCxone().cxone, { sourceDir: folder.sourceDir });

/** A worker that is suspended before its nth chunk of rows. */
function suspendedWorker(chunk: number) {
  const { ledger } = opened();
  let [suspend, resume]: (() => void)[] = [];
  const suspended = new Promise<void>((resolve) => {
    suspend = resolve;
  });
  const resumed = new Promise<void>((resolve) => {
    resume = resolve;
  });
  let n = 0;
  const stage = async (...args: Parameters<typeof ledger.records.stage>): Promise<void> => {
    n += 1;
    if (n === chunk) {
      suspend?.();
      await resumed;
    }
    return ledger.records.stage(...args);
  };
  return {
    ...worker({ ...ledger, records: { ...ledger.records, stage } }),
    suspended,
    resume: () => resume?.(),
  };
}

const runOf = async (rows: number): Promise<Run> =>
  openRunInLedger(opened().ledger, { input: { listId: 'L1', source: { path: await writeCsv(csv(rows)) } } });

describe('a worker that resumes in the middle of staging', () => {
  it('adds nothing to a run that was cancelled and closed meanwhile', async () => {
    const run = await runOf(5_000);
    const slow = suspendedWorker(2);
    const staging = at(1, () => slow.activities.stageRecords(run.run_id));
    await slow.suspended;
    const end = { runId: run.run_id, state: 'cancelled', failure: null } as const;
    const { counts } = await at(2, () => worker().activities.closeRun(end));
    expect(counts).toEqual({ total: 2_000, pending: 0, cancelled: 2_000 });
    slow.resume();
    await expect(staging).rejects.toMatchObject(SUPERSEDED);
    expect(await opened().ledger.runs.exactCounts(run.run_no)).toEqual(counts);
  });

  it('adds nothing to a run that a later attempt has continued', async () => {
    const run = await runOf(5_000);
    const slow = suspendedWorker(2);
    const staging = at(1, () => slow.activities.stageRecords(run.run_id));
    await slow.suspended;
    await at(2, () => worker().activities.stageRecords(run.run_id));
    await at(3, () => worker().activities.planWrites(run.run_id));
    slow.resume();
    await expect(staging).rejects.toMatchObject(SUPERSEDED);
    expect(await opened().ledger.runs.exactCounts(run.run_no)).toEqual({ total: 5_000, pending: 5_000 });
    expect((await writesOf(opened().ledger, run)).flatMap(({ seqs }) => seqs)).toEqual(upTo(5_000));
  });
});

describe('a worker that resumes after its run was started again', () => {
  /** A failed run that a second execution has opened again at time 10. */
  async function restarted(): Promise<Run> {
    const run = await plannedRun(opened().ledger, 10, 10, { listId: 'L1', source: { dataset: 'd' } });
    const { activities } = worker();
    const { run_id: runId, kind, target } = run;
    await at(2, () => activities.closeRun({ runId, state: 'failed', failure: null }));
    await at(10, () => activities.openRun({ runId, kind, target, input: run.input as CommonInput }));
    return run;
  }

  const ENDINGS: Readonly<Record<string, (activities: Activities, runId: string) => Promise<unknown>>> = {
    'closes it': (activities, runId) => activities.closeRun({ runId, state: 'failed', failure: null }),
    'cancels what is pending': (activities, runId) => activities.endPending({ runId, state: 'cancelled' }),
    'stops it': (activities, runId) => activities.steerRun({ runId, steering: 'stopped', decision: null }),
    'plans it': (activities, runId) => activities.planWrites(runId),
    'opens it': (activities, runId) =>
      activities.openRun({ runId, kind: 'contactImport', target: 'L1', input: INPUT }),
  };

  it.each(Object.entries(ENDINGS))('changes nothing when it %s', async (_, activity) => {
    const run = await restarted();
    const before = await opened().ledger.runs.get(run.run_id);
    await expect(at(3, () => activity(worker().activities, run.run_id))).rejects.toMatchObject(SUPERSEDED);
    expect(await opened().ledger.runs.get(run.run_id)).toEqual(before);
    expect(before).toMatchObject({ state: 'running', steering: 'go' });
  });
});

describe('a retried activity', () => {
  it('adds its audit entry once', async () => {
    const { ledger } = opened();
    const { activities } = worker();
    const runId = someId('run');
    const input = { listId: 'L1', source: { path: await writeCsv(csv(4)) } };
    const decision = { action: 'pause', by: 'dana' } as const;
    const refusal = { action: 'resume', by: null, why: 'the run is not paused', at: '2026-01-01T00:00:00Z' };
    const steps: Readonly<Record<string, () => Promise<unknown>>> = {
      open: () =>
        activities.openRun({ runId, kind: 'contactImport', target: 'L1', input: input as CommonInput }),
      stage: () => activities.stageRecords(runId),
      plan: () => activities.planWrites(runId),
      pause: () => activities.steerRun({ runId, steering: 'paused', decision }),
      approve: () => activities.recordDecision({ runId, decision: { action: 'approve' } }),
      refuse: () => activities.recordRefusal({ runId, refusal }),
      resolve: () => activities.resolveInDoubt({ runId, decision: { action: 'resolve', verdict: 'leave' } }),
      close: () => activities.closeRun({ runId, state: 'cancelled', failure: null }),
    };
    let time = 0;
    for (const [step, activity] of Object.entries(steps)) {
      for (const _ of upTo(3)) await at((time += 1), activity, step);
      await ledger.audit.seal();
      // Its last attempt may come after the entry was sealed.
      await at((time += 1), activity, step);
      if (step === 'plan') await leaveOneInDoubt(runId);
    }
    while ((await ledger.audit.seal()) > 0);
    const entries = await auditOf(runId);
    expect(entries.map(({ action }) => action)).toEqual([
      ...['run_opened', 'staged', 'planned', 'batch_settled', 'pause', 'approve', 'steering_refused'],
      // Of the batch that is left in doubt, and of the decision.
      ...['batch_settled', 'resolve', 'run_closed'],
    ]);
    // The first attempt has resolved the write; the others found nothing to resolve.
    expect(entries.find(({ action }) => action === 'resolve')?.data).toMatchObject({ writes: 1 });
  });
});

/** As if the answer to the only write of the run had been lost, in a tenant that accepts duplicates. */
async function leaveOneInDoubt(runId: string): Promise<void> {
  const { ledger } = opened();
  const run = await ledger.runs.get(runId);
  const [write] = await writesOf(ledger, run);
  await claimed(ledger, run, write?.id ?? '');
  await expireLease(opened(), write?.id ?? '');
  await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
}

async function auditOf(runId: string) {
  const entries: { action: string; data: unknown }[] = [];
  for await (const { action, data } of opened().ledger.audit.list(runId)) entries.push({ action, data });
  return entries;
}

describe('the id of a running or failed run', () => {
  it.each(['running', 'failed'] as const)('cannot be used by another operation (%s)', async (state) => {
    const { ledger } = opened();
    const { activities } = worker();
    const runId = someId('run');
    const open = (kind: string) =>
      runActivity(() => activities.openRun({ runId, kind, target: 'L1', input: INPUT }));
    await open('contactImport');
    if (state === 'failed')
      await runActivity(() => activities.closeRun({ runId, state: 'failed', failure: null }));
    await expect(open('preferenceUpdate')).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringMatching(/contactImport.*Choose another run id/) as string,
    });
    expect(await ledger.runs.get(runId)).toMatchObject({ kind: 'contactImport', state });
  });
});
