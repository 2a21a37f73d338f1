/** `cxflow limits`, and what other commands say about a block, with a fake ledger. */
import { describe, expect, it } from 'vitest';
import { examineRateBlocks } from '../../src/cli/doctor/database.ts';
import { run } from '../../src/cli/main.ts';
import type { LiftDecision, RateBlock, TenantBudget } from '../../src/ledger/writes/rate-budget.ts';
import { POISONS } from '../contract/texts.ts';
import { fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

const PAST = new Date('2026-03-01T10:00:00Z');
const block = (tenant: string): RateBlock => ({
  tenant,
  since: PAST,
  until: new Date('2999-03-01T10:00:00Z'),
  reason: 'CXone contactlists: rate limited (429)',
});
const budget = (tenant: string, isBlocked: boolean): TenantBudget => ({
  tenant,
  nextFreeAt: PAST,
  queues: [],
  block: isBlocked ? block(tenant) : null,
});

function limitsCli(budgets: readonly TenantBudget[]) {
  const lifts: [string, LiftDecision][] = [];
  const session = fakeSession({ run: finished() });
  const rateBudget = {
    list: () => Promise.resolve(budgets),
    lift(tenant: string, decision: LiftDecision) {
      lifts.push([tenant, decision]);
      return Promise.resolve(budgets.find((each) => each.tenant === tenant)?.block ?? null);
    },
  };
  const config = { ...session.config, ratePerMinute: 1_000 };
  return { cli: fakeCli({ ...session, ledger: { ...session.ledger, rateBudget }, config } as never), lifts };
}

describe('limits', () => {
  it('shows the budget of each tenant, and the block of one with its reason and how to lift it', async () => {
    const { cli } = limitsCli([budget('a/1', false), budget('b/2', true)]);
    expect(await run(['limits'], cli)).toBe(0);
    expect(cli.out()).toContain('1,000 requests a minute');
    expect(cli.out()).toMatch(/a\/1\n +next permit +free\n +blocked +no\n/);
    expect(cli.out()).toMatch(/because +CXone contactlists: rate limited \(429\)/);
    expect(cli.out()).toContain('cxflow limits lift --tenant b/2');
  });

  it('shows when the next of the requests that are kept further apart may leave, also without a budget', async () => {
    const nextFreeAt = new Date(Date.now() + 90 * 60_000);
    const queues = [{ name: 'preference batches', nextFreeAt }];
    const { cli } = limitsCli([{ ...budget('a/1', false), nextFreeAt: null, queues }]);
    expect(await run(['limits'], cli)).toBe(0);
    expect(cli.out()).toMatch(/next permit +free\n +next of preference batches +in 1 h.*\n +blocked +no\n/);
  });

  it('says that nothing was sent yet', async () => {
    const { cli } = limitsCli([]);
    expect(await run(['limits'], cli)).toBe(0);
    expect(cli.out()).toContain('no request has been sent yet');
  });

  it('prints one JSON document', async () => {
    const { cli } = limitsCli([budget('b/2', true)]);
    await run(['limits', '--json'], cli);
    expect(JSON.parse(cli.out())).toEqual({
      ratePerMinute: 1_000,
      tenants: [JSON.parse(JSON.stringify(budget('b/2', true)))],
    });
  });
});

describe('limits lift', () => {
  it('lifts the only block, and says who decided and why', async () => {
    const { cli, lifts } = limitsCli([budget('a/1', false), budget('b/2', true)]);
    expect(await run(['limits', 'lift', '--reason', 'a mistake'], cli)).toBe(0);
    expect(await run(['limits', 'lift', '--by', 'sam', '--json'], cli)).toBe(0);
    expect(lifts).toEqual([
      ['b/2', { by: 'dana', reason: 'a mistake' }],
      ['b/2', { by: 'sam' }],
    ]);
    expect(cli.out()).toContain('lifted: the block of b/2');
  });

  it('asks which block is meant if there are several', async () => {
    const { cli, lifts } = limitsCli([budget('a/1', true), budget('b/2', true)]);
    expect(await run(['limits', 'lift'], cli)).toBe(2);
    expect(cli.err()).toMatch(/several tenants are blocked: .*a\/1, b\/2/);
    expect(await run(['limits', 'lift', '--tenant', 'c/3'], cli)).toBe(2);
    expect(cli.err()).toMatch(/c\/3 is not blocked; blocked: a\/1, b\/2/);
    expect(await run(['limits', 'lift', '--tenant', 'a/1'], cli)).toBe(0);
    expect(lifts.map(([tenant]) => tenant)).toEqual(['a/1']);
  });

  it('takes no text that the audit cannot store', async () => {
    const { cli, lifts } = limitsCli([budget('a/1', true)]);
    for (const poison of ['nul', 'lowSurrogate', 'megabyte'] as const) {
      expect(await run(['limits', 'lift', '--by', POISONS[poison]], cli)).toBe(2);
      expect(await run(['limits', 'lift', '--reason', POISONS[poison]], cli)).toBe(2);
    }
    expect(lifts).toEqual([]);
    expect(cli.err()).toMatch(/--by must not have a NUL character/);
  });

  it('has nothing to do if no block is in force', async () => {
    const { cli, lifts } = limitsCli([budget('a/1', false)]);
    expect(await run(['limits', 'lift', '--tenant', 'a/1'], cli)).toBe(0);
    expect(cli.out()).toContain('no block is in force');
    expect(lifts).toEqual([]);
  });
});

describe('a block', () => {
  it('is printed below the list of runs', async () => {
    const { cli } = limitsCli([budget('b/2', true)]);
    expect(await run(['runs'], cli)).toBe(0);
    expect(cli.out()).toMatch(/r1 +completed[^]*no request of b\/2 leaves until 2999-/);
  });

  it('is a warning of the doctor, with what to do', () => {
    expect(examineRateBlocks([], 'cxflow')).toMatchObject({ level: 'ok' });
    const finding = examineRateBlocks([block('b/2')], 'npx cxflow');
    expect(finding).toMatchObject({
      level: 'warning',
      next: expect.stringContaining('npx cxflow limits') as string,
    });
    expect(finding.what).toMatch(/b\/2 leaves until 2999-.*since 2026-.*429/);
  });
});
