/** Temporal must not time out an activity before the ledger reports which statement is slow (src/domain/timeouts.ts). */
import type { ActivityOptions } from '@temporalio/workflow';
import { describe, expect, it, vi } from 'vitest';
import { MAX_STATEMENT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from '../src/domain/timeouts.ts';

const given = vi.hoisted((): ActivityOptions[] => []);
vi.mock(import('@temporalio/workflow'), async (original) => ({
  ...(await original()),
  proxyActivities: (options: ActivityOptions) => {
    given.push(options);
    return {} as never;
  },
}));
const policies = await import('../src/workflows/policies.ts');

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

describe('an attempt of an activity', () => {
  it.each([...given.entries()])(
    '%# has more time than its statements together, unless a user waits for it',
    (_, each) => {
      if (each.scheduleToCloseTimeout !== undefined) expect(each.startToCloseTimeout).toBeUndefined();
      else expect(inMs(each.startToCloseTimeout)).toBeGreaterThanOrEqual(12 * MAX_STATEMENT_TIMEOUT_MS);
    },
  );

  it.each([...given.entries()])('%# is noticed by its heartbeats when its worker dies', (_, each) => {
    expect(inMs(each.heartbeatTimeout)).toBeLessThanOrEqual(10_000);
    expect(inMs(each.heartbeatTimeout)).toBeLessThan(STATEMENT_TIMEOUT_MS);
  });
});
