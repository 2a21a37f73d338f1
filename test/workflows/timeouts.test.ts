/** Temporal must not time out an activity before the ledger reports which statement is slow (src/domain/timeouts.ts). */
import type { ActivityOptions } from '@temporalio/workflow';
import pg from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MAX_STATEMENT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from '../../src/domain/timeouts.ts';
import { createWorker, fakeCxone, runActivity } from '../activities/harness.ts';
import { ledgerOfFile, openRun, plannedRun, record } from '../ledger/harness.ts';

const given = vi.hoisted((): ActivityOptions[] => []);
vi.mock(import('@temporalio/workflow'), async (original) => ({
  ...(await original()),
  proxyActivities: (options: ActivityOptions) => {
    given.push(options);
    return {} as never;
  },
}));
const policies = await import('../../src/workflows/policies.ts');
const opened = ledgerOfFile();

const names = Object.entries(policies).flatMap(([name, value]) => (typeof value === 'object' ? [name] : []));
const inMs = (time: ActivityOptions['startToCloseTimeout']): number => {
  const [, n = '', unit = ''] = /^(\d+) ?([a-z]*)$/.exec(String(time)) ?? [];
  const units: Record<string, number> = { '': 1, s: 1e3, hours: 3.6e6, days: 8.64e7 };
  return Number(n) * (units[unit] ?? Number.NaN);
};

it('the options of every kind of activity are found', () => {
  expect(given.length).toBeGreaterThan(9);
  expect(names.length).toBeGreaterThanOrEqual(given.length);
});

/** The statements about the rows of a run (not those about one row of `runs`) that the ledger executes meanwhile. */
async function statementsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  const query = vi.spyOn(pg.Client.prototype, 'query');
  onTestFinished(() => query.mockRestore());
  await work();
  const texts = (query.mock.calls as unknown[][]).map(([first]) =>
    typeof first === 'string' ? first : String((first as { text?: unknown }).text),
  );
  query.mockRestore();
  return texts.filter((text) => /\b(records|outcomes|writes|outbox|record_blocks)\b/.test(text));
}

const worker = () => createWorker(opened().ledger, fakeCxone().cxone).activities;
const planned = async () => (await plannedRun(opened().ledger, 20, 10)).run_id;

/** The activities that go through all rows of a run. */
const SCANS = {
  async planWrites() {
    const run = await openRun(opened().ledger);
    await opened().ledger.records.stage(run.run_no, [record(1), record(2)]);
    await opened().ledger.records.finishStaging(run.run_no);
    return () => worker().planWrites(run.run_id);
  },
  async endPending() {
    const runId = await planned();
    return () => worker().endPending({ runId, state: 'cancelled' });
  },
  async 'closeRun, cancelled'() {
    const runId = await planned();
    return () => worker().closeRun({ runId, state: 'cancelled', failure: null });
  },
  async 'closeRun, failed'() {
    const runId = await planned();
    return () => worker().closeRun({ runId, state: 'failed', failure: { type: 'Bug', message: 'x' } });
  },
};

describe('an attempt of an activity', () => {
  it.each(Object.entries(SCANS))(
    'has more time than its statements together, whatever the activity: %s',
    async (_, prepare) => {
      const work = await prepare();
      const statements = await statementsOf(() => runActivity<unknown>(work));
      expect(statements.length).toBeGreaterThan(0);
      const patient = given.filter(({ scheduleToCloseTimeout }) => scheduleToCloseTimeout === undefined);
      for (const { startToCloseTimeout } of patient)
        expect(inMs(startToCloseTimeout), statements.join('\n\n')).toBeGreaterThanOrEqual(
          statements.length * MAX_STATEMENT_TIMEOUT_MS,
        );
    },
  );

  it('is limited by all of its attempts only where somebody waits for the answer', () => {
    for (const each of given)
      expect(each.scheduleToCloseTimeout === undefined).toBe(each.startToCloseTimeout !== undefined);
  });

  it.each([...given.entries()])('%# is noticed by its heartbeats when its worker dies', (_, each) => {
    expect(inMs(each.heartbeatTimeout)).toBeLessThanOrEqual(10_000);
    expect(inMs(each.heartbeatTimeout)).toBeLessThan(STATEMENT_TIMEOUT_MS);
  });
});
