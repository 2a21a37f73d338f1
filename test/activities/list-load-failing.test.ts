/** List loads whose reads of CXone always fail must end; those that meet an outage must only wait. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { allBatches, createEnvironment, runActivity } from './harness.ts';
import { CAMPAIGN, LIST, leads, listLoadStand, phone } from './list-loads.ts';
import { getFailure } from './pages.ts';

const { opened, start } = listLoadStand();

const later = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000);
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const READS = {
  campaign: `/campaigns/${CAMPAIGN}$`,
  suppressions: '/suppressions$',
};

/** A run whose step, the planning, reads both; the suppression list each time. */
async function planning() {
  const cxone = await start({}, { listLoad: { suppressionsMaxAgeMs: 0 } });
  const run = await cxone.open(leads(1, 2));
  await cxone.stage(run);
  // One activity, however often it is attempted.
  const env = createEnvironment({ activityId: run.run_id });
  const plan = () => runActivity(() => cxone.worker.activities.planWrites(run.run_id), env);
  const fail = async (times: number) => {
    for (let n = 1; n <= times; n += 1)
      expect(await getFailure(plan())).toMatchObject({ type: 'CxoneUnavailable', nonRetryable: false });
  };
  const strike = (path: string, fault: Fault, more: Parameters<typeof cxone.admin.setFaults>[0] = []) =>
    cxone.admin.setFaults([{ match: { method: 'GET', path }, fault }, ...more]);
  return { ...cxone, run, plan, fail, strike };
}

describe('a read that always fails', () => {
  it.each([
    ['campaign', 'a size below 0', { raw: '{"maxListSize":-1}' }],
    ['campaign', 'a 500', { status: 500 }],
    ['suppressions', 'no list', { raw: '{"status":"maintenance"}' }],
    ['suppressions', 'a cursor that leads back', { raw: '{"results":[],"next":"a"}' }],
    ['suppressions', 'a 500', { status: 500 }],
  ] as const)('%s, %s: waited out like an outage, and then fails the run', async (read, _, fault) => {
    const { strike, fail, plan, admin, run, writeAll, uploaded } = await planning();
    await strike(READS[read], fault);
    await fail(10);
    for (let passed = 4; passed < 16; passed += 4) {
      later(4);
      await fail(1);
    }
    later(4);
    const failure = await getFailure(plan());
    expect(failure).toMatchObject({ type: 'Refused', nonRetryable: true });
    const named = {
      campaign: `the campaign ${CAMPAIGN} cannot`,
      suppressions: 'the suppression list cannot',
    };
    for (const part of [named[read], ': GET http', 'ask NICE support', 'start the same run again'])
      expect(failure.message).toContain(part);
    // Started again.
    await admin.clearFaults();
    await plan();
    await writeAll(run);
    expect(await uploaded()).toEqual([phone(2), phone(1)]);
  });

  it('is not given up after a time in which nobody tried it', async () => {
    const { strike, fail, admin, plan } = await planning();
    await strike(READS.campaign, { status: 500 });
    await fail(4);
    later(20);
    await fail(4);
    await admin.clearFaults();
    await plan();
  });

  it('is an outage, which only delays, as long as CXone does not answer the probe either', async () => {
    const { strike, fail, admin, plan } = await planning();
    const probes = { match: { method: 'POST', path: `/lists/${LIST}/items$` }, fault: { status: 503 } };
    await strike(READS.suppressions, { status: 500 }, [probes]);
    for (let passed = 0; passed < 60; passed += 4) {
      await fail(2);
      later(4);
    }
    await admin.clearFaults();
    await plan();
  });

  it('is tried however long a try takes', async () => {
    const { strike, fail, plan, cxone } = await planning();
    const readSuppressions = cxone.lists.readSuppressions.bind(cxone.lists);
    vi.spyOn(cxone.lists, 'readSuppressions').mockImplementation(async (request) => {
      later(20);
      return readSuppressions(request);
    });
    await strike(READS.suppressions, { raw: '{"results":[],"next":"a"}' });
    await fail(4);
    expect(await getFailure(plan())).toMatchObject({ type: 'Refused' });
  });

  it('fails the run as well if the list is not there, so that the probe is refused', async () => {
    const { strike, fail, plan } = await planning();
    const probes = { match: { method: 'POST', path: `/lists/${LIST}/items$` }, fault: { status: 404 } };
    await strike(READS.campaign, { status: 500 }, [probes]);
    for (let n = 1; n <= 4; n += 1) {
      await fail(1);
      later(4);
    }
    expect(await getFailure(plan())).toMatchObject({ type: 'Refused' });
  });
});

it('a read before a batch that always fails ends the run, and nothing was claimed', async () => {
  const cxone = await start();
  const { run } = await cxone.plan(leads(1, 2));
  await cxone.admin.setFaults([
    { match: { method: 'GET', path: READS.campaign }, fault: { raw: '{"maxListSize":"500"}' } },
  ]);
  // The page repeats it in place.
  const getCampaign = cxone.cxone.lists.getCampaign.bind(cxone.cxone.lists);
  vi.spyOn(cxone.cxone.lists, 'getCampaign').mockImplementation((request) => {
    later(4);
    return getCampaign(request);
  });
  const failure = await getFailure(cxone.worker.writePage(allBatches(run)));
  expect(failure).toMatchObject({ type: 'Refused', nonRetryable: true });
  expect(failure.message).toContain('maxListSize');
  expect(await opened().ledger.writes.listOpen(run.run_no, 1, 9)).toMatchObject([
    { state: 'planned', attempts: 0 },
  ]);
  await cxone.admin.clearFaults();
  await cxone.writeAll(run);
  expect(await cxone.uploaded()).toEqual([phone(2), phone(1)]);
});
