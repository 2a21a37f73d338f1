/** Selection updates whose requests always fail must end; those that meet an outage must only wait. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PATCH_RULES } from '../../src/activities/selection-update/attempt.ts';
import { CxoneForbidden, CxoneUnavailable } from '../../src/cxone/errors.ts';
import { LEASE_MARGIN_MS } from '../../src/ledger/writes/claims.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { ledgerOfFile } from '../ledger/harness.ts';
import { applyAndLose, once, type Send, startCampaign } from './campaigns.ts';
import { CONTEXT, createEnvironment, lostAnswer, runActivity } from './harness.ts';
import { ageFailures, getFailure, pauseFailures } from './pages.ts';

const opened = ledgerOfFile();

const ADD_M = { change: { add: { targetListIds: ['M'] } } };
const NUL = { name: 'a\0b' };

const LEASE_MS = PATCH_RULES.deadlineMs + LEASE_MARGIN_MS;
const realNow = performance.now.bind(performance);
let passedMs = 0;
beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => realNow() + passedMs));
afterEach(() => void vi.restoreAllMocks());

/** Each PATCH takes as long as its lease, by the worker's clock, so that the worker does not wait for the lease to end. */
async function failing(what: Partial<Record<'PATCH' | 'GET', Fault>>) {
  const started = await startCampaign(opened());
  started.hooks.afterPatch = () => void (passedMs += LEASE_MS);
  const run = await started.openAndPlan(ADD_M);
  const faults = (on: typeof what) =>
    started.admin.setFaults(
      Object.entries(on).map(([method, fault]) => ({
        match: { method, path: `/${started.campaignId}$` },
        fault,
      })),
    );
  await faults(what);
  /** Repeats the activity, as Temporal does. Returns the last failure. */
  const fail = async (times: number) => {
    const failures = [];
    for (let n = 1; n <= times; n += 1) failures.push(await getFailure(started.writeOnce(run)));
    for (const failure of failures)
      expect(failure).toMatchObject({ type: 'CxoneUnavailable', nonRetryable: false });
  };
  return { ...started, run, faults, fail, age: () => ageFailures(opened(), run) };
}

describe('a PATCH that always fails, although CXone answers reads', () => {
  it.each([
    ['a 500', { status: 500 }],
    ['a 200 that cannot be read, and is not applied', { html: true }],
  ] as const)('is given up in the end: %s', async (_, fault) => {
    const { run, fail, age, writeOnce, countPatches, outcome, audit, targets, plan, faults } = await failing({
      PATCH: fault,
    });
    await fail(8);
    await age();
    const written = await writeOnce(run);
    expect(written).toMatchObject({
      kind: 'given_up',
      message: expect.stringMatching(
        /^9 equal failures.* still has version 1, so nothing was written$/,
      ) as string,
    });
    expect(await writeOnce(run), 'stored result, which did not reach Temporal').toEqual(written);
    expect([countPatches(), await targets()]).toEqual([9, ['L1']]);
    expect(await outcome(run)).toBe('rejected always_fails');
    expect((await audit(run)).map(({ result, details }) => [result, details])).toEqual([
      ['FAILED', expect.stringContaining('CXone outbound: PATCH') as string],
      ['FAILED', expect.stringContaining('nothing was written') as string],
    ]);
    // Started again.
    await faults({});
    await plan(run);
    expect(await writeOnce(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
  });

  it('is repeated as long as that may be an outage, and right after a pause', async () => {
    const { run, fail, writeOnce, countPatches, faults } = await failing({ PATCH: { status: 503 } });
    await fail(4);
    await pauseFailures(opened(), run);
    await fail(4);
    expect(countPatches()).toBe(8);
    await faults({});
    expect(await writeOnce(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
  });

  it.each([
    ['a lost answer', lostAnswer(), 'CxoneUnavailable'],
    ['a withdrawn scope', new CxoneForbidden({ ...CONTEXT, status: 403 }, ['s']), 'ScopeMissing'],
  ] as const)('is not given up for another failure than the ones before: %s', async (_, error, type) => {
    const { run, fail, age, hooks, writeOnce, outcome } = await failing({ PATCH: { status: 500 } });
    await fail(4);
    await age();
    hooks.patch = () => Promise.reject(error);
    expect(await getFailure(writeOnce(run))).toMatchObject({ type });
    expect(await outcome(run)).toBe('pending');
  });

  it('is repeated as long as CXone calls that temporary', async () => {
    const { run, fail, age, faults, writeOnce } = await failing({ PATCH: { status: 503, retryAfter: 1 } });
    await fail(4);
    await age();
    await fail(4);
    await faults({});
    expect(await writeOnce(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
  });

  it('is done if a gateway has answered for CXone, which was still working on it', async () => {
    const { run, fail, age, hooks, write, countPatches } = await failing({});
    // The lease is waited out: 25 seconds.
    delete hooks.afterPatch;
    const late: Promise<unknown>[] = [];
    hooks.patch = (n, send) => {
      if (n === 6) late.push(delay(1_000).then(send));
      throw new CxoneUnavailable({ ...CONTEXT, status: 504 }, null, 'unknown');
    };
    await fail(5);
    await age();
    await fail(1);
    await Promise.all(late);
    expect(await write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    expect(countPatches()).toBe(6);
  });

  it('is in doubt if the campaign has the change under the old version', async () => {
    const { run, fail, age, hooks, admin, campaignId, writeOnce, outcome } = await failing({
      PATCH: { status: 500 },
    });
    await fail(5);
    await age();
    hooks.patch = async (_, send: Send) => {
      await admin.seedCampaign(campaignId, { version: 1, contactSelection: { targetListIds: ['L1', 'M'] } });
      return send();
    };
    expect(await writeOnce(run)).toEqual({ kind: 'done', outcome: 'in_doubt', version: 1 });
    expect(await outcome(run)).toBe('in_doubt answer_lost always_fails');
  });

  it('is not given up while CXone answers no read either, and adds no entry to the audit', async () => {
    const { run, fail, age, hooks, faults, writeOnce, countPatches, audit } = await failing({
      PATCH: { status: 500 },
    });
    await fail(5);
    await age();
    hooks.patch = async (_, send) => {
      await faults({ PATCH: { status: 500 }, GET: { status: 503 } });
      return send();
    };
    await fail(20);
    expect(countPatches()).toBe(6);
    expect(await audit(run)).toHaveLength(1);
    hooks.patch = once((send) => send());
    await faults({});
    expect(await writeOnce(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
  });
});

describe('a campaign that cannot be read', () => {
  const reading = async () => {
    const started = await startCampaign(opened());
    const { admin, campaignId, activities } = started;
    // One activity, however often it is attempted.
    const env = createEnvironment({ activityId: campaignId });
    const read = () => runActivity(() => activities.readCampaign({ campaignId }), env);
    const failures = async (times: number) => {
      for (let n = 1; n <= times; n += 1)
        expect(await getFailure(read())).toMatchObject({ type: 'CxoneUnavailable', nonRetryable: false });
    };
    const strike = (fault: Fault, path = `/${campaignId}$`) =>
      admin.setFaults([{ match: { method: 'GET', path }, fault }]);
    return { ...started, read, failures, strike };
  };
  const later = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000);
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  it('fails the run if its content cannot be kept, and the failure says which campaign, where, and what to do', async () => {
    const { admin, campaignId, failures, read } = await reading();
    await admin.seedCampaign(campaignId, NUL);
    await failures(2);
    const failure = await getFailure(read());
    expect(failure).toMatchObject({ type: 'Refused', nonRetryable: true });
    for (const part of [
      `campaign ${campaignId} `,
      'name has NUL',
      'Correct the campaign',
      'start the same run again',
    ])
      expect(failure.message).toContain(part);
    expect(failure.message).not.toMatch(/written|applied/);
    await admin.seedCampaign(campaignId, {});
    expect(await read()).toMatchObject({ version: expect.any(Number) as number });
  });

  it.each([
    ['a 500', { status: 500 }],
    ['answers that are cut off', { truncate: true }],
    ['pages instead of JSON', { html: true }],
    ['JSON that is no campaign', { raw: '{"status":"maintenance"}' }],
  ] as const)('%s: waited out like an outage, and then given up', async (_, fault) => {
    const { strike, failures, read, campaignId } = await reading();
    await strike(fault);
    await failures(10);
    for (let passed = 4; passed < 16; passed += 4) {
      later(4);
      await failures(1);
    }
    later(4);
    const failure = await getFailure(read());
    expect(failure).toMatchObject({ type: 'Refused', nonRetryable: true });
    expect(failure.message).toContain(campaignId);
  });

  it('is not given up after a time in which nobody tried to read it', async () => {
    const { strike, failures, read, admin } = await reading();
    await strike({ status: 500 });
    await failures(4);
    later(20);
    await failures(4);
    await admin.clearFaults();
    await read();
  });

  it.each([
    ['pages instead of JSON', { html: true }],
    ['a 503', { status: 503 }],
  ] as const)('%s for every campaign is an outage, which only delays', async (_, fault) => {
    const { strike, failures, read, admin, hooks } = await reading();
    await strike(fault, '/campaigns/');
    for (let passed = 0; passed < 60; passed += 4) {
      await failures(2);
      later(4);
    }
    // It ends between a read and its probe.
    hooks.beforeProbe = async () => {
      await admin.clearFaults();
    };
    await failures(1);
    await read();
  });

  it('is not followed by a probe whose answer could not matter, since CXone has named the time to wait', async () => {
    const { strike, failures, hooks } = await reading();
    let probes = 0;
    hooks.beforeProbe = async () => {
      probes += 1;
      return Promise.resolve();
    };
    await strike({ status: 503, retryAfter: 1 });
    await failures(2);
    expect(probes).toBe(0);
  });

  it('says so if it may have our change', async () => {
    const { run, writeOnce, hooks, admin, campaignId } = await failing({});
    hooks.patch = once(applyAndLose);
    await getFailure(writeOnce(run));
    await admin.seedCampaign(campaignId, { ...NUL, version: 3 });
    const env = createEnvironment({ activityId: campaignId });
    for (let n = 1; n <= 2; n += 1) await getFailure(writeOnce(run, [], env));
    const failure = await getFailure(writeOnce(run, [], env));
    expect(failure.message).toMatch(/name has NUL.* was lost, and it may have been applied/);
  });
});
