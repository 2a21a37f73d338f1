import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { OtherTenant, refuseOtherTenant } from '../../src/ledger/tenant.ts';
import { toQueue } from '../../src/ledger/writes/rate-budget.ts';
import { freshDatabase } from '../harness/fresh.ts';
import { openRun } from './harness.ts';

async function emptyLedger() {
  const url = await freshDatabase();
  const [ledger, database] = [openLedger(url, 4), openDatabase(url, 2)];
  onTestFinished(async () => {
    await ledger.close();
    await database.close();
  });
  await ledger.migrate();
  return { ledger, database };
}

const CAMPAIGN = { campaignId: 'C1' };
const READ = { version: 3, document: { name: 'spring' }, selection: {} };

describe('the tenant of a ledger', () => {
  it('is the one of its first worker, and every other is refused with what to do', async () => {
    const { ledger } = await emptyLedger();
    expect(await ledger.tenant.find()).toBeNull();
    await ledger.tenant.register('acme');
    await ledger.tenant.register('acme');
    expect(await ledger.tenant.find()).toBe('acme');
    const refusal = await ledger.tenant.register('other').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(OtherTenant);
    expect(refusal).toMatchObject({
      message: expect.stringMatching(/belongs to the tenant acme.*those of the tenant other/) as string,
      next: expect.stringMatching(/DATABASE_URL.*CXONE_TENANT=acme/) as string,
    });
    expect(await ledger.tenant.find()).toBe('acme');
  });

  it('is not guessed by whoever reads: only a ledger without tables belongs to nobody', async () => {
    const { ledger, database } = await emptyLedger();
    await expect(refuseOtherTenant(ledger.tenant, 'acme')).resolves.toBeUndefined();
    await ledger.tenant.register('acme');
    await expect(refuseOtherTenant(ledger.tenant, 'acme')).resolves.toBeUndefined();
    await expect(refuseOtherTenant(ledger.tenant, 'other')).rejects.toThrow(OtherTenant);
    await sql`alter table ledger_tenant rename name to unreadable`.execute(database.db);
    await expect(refuseOtherTenant(ledger.tenant, 'other')).rejects.toThrow(/"name" does not exist/);
    const unreachable = openLedger('postgres://nobody@127.0.0.1:1/none');
    await expect(refuseOtherTenant(unreachable.tenant, 'other')).rejects.toThrow(/ECONNREFUSED/);
    await unreachable.close();
    const unprepared = openLedger(await freshDatabase(), 1);
    await expect(refuseOtherTenant(unprepared.tenant, 'other')).resolves.toBeUndefined();
    await unprepared.close();
  });

  it('is one of two, if two workers start at once', async () => {
    const { ledger } = await emptyLedger();
    const started = await Promise.allSettled(
      ['a', 'b', 'a', 'b'].map((name) => ledger.tenant.register(name)),
    );
    const owner = await ledger.tenant.find();
    const expected = ['a', 'b', 'a', 'b'].map((name) => (name === owner ? 'fulfilled' : 'rejected'));
    expect(started.map(({ status }) => status)).toEqual(expected);
  });

  it('adopts what was stored under keys of address and OAuth client, of which every rotation made a new one', async () => {
    const { ledger, database } = await emptyLedger();
    const [first, rotated] = ['api.example/111111111111', 'api.example/222222222222'];
    await ledger.rateBudget.block(first, 60_000, 'a 429');
    await ledger.rateBudget.block(rotated, 600_000, 'a longer 429');
    const runs = [];
    for (const tenant of [first, rotated]) {
      const run = await openRun(ledger);
      const { id } = await ledger.campaigns.saveSnapshot({ ...CAMPAIGN, tenant }, READ);
      const selection = { base: {}, desired: {}, differences: [] };
      await ledger.selections.plan({
        ...CAMPAIGN,
        ...selection,
        tenant,
        run: run.run_no,
        baseSnapshot: id,
      });
      await ledger.campaigns.acquireLock({ ...CAMPAIGN, tenant, runNo: run.run_no, token: tenant }, 60_000);
      runs.push(run);
    }

    await ledger.tenant.register('acme');
    expect((await ledger.rateBudget.list()).map(({ tenant }) => tenant)).toEqual(['acme']);
    expect(await ledger.rateBudget.blockedMs('acme')).toBeGreaterThan(500_000);
    const key = { ...CAMPAIGN, tenant: 'acme' };
    const history = await ledger.selections.history(key, 10);
    expect(history.map(({ runId }) => runId).toSorted()).toEqual(runs.map((run) => run.run_id).toSorted());
    const snapshot = await ledger.campaigns.findVersion(key, READ.version);
    for (const { run_no: runNo } of runs) {
      expect(await ledger.selections.get(runNo)).toMatchObject({
        tenant: 'acme',
        base_snapshot: snapshot?.id,
      });
    }
    const kept = await database.db.selectFrom('campaign_snapshots').selectAll().execute();
    expect(kept.map(({ tenant }) => tenant)).toEqual(['acme']);
    // The lock of the run that wrote last is still in force, so another run waits.
    const lock = { ...key, token: 'new', runNo: (await openRun(ledger)).run_no };
    expect(await ledger.campaigns.acquireLock(lock, 1_000)).toBeGreaterThan(1_000);
  });

  it('keeps the queues of its workers when another one starts', async () => {
    const { ledger } = await emptyLedger();
    await ledger.tenant.register('acme');
    await ledger.rateBudget.take(toQueue('acme', 'batches'), 60_000, 1, 0);
    await ledger.tenant.register('acme');
    expect(await ledger.rateBudget.take(toQueue('acme', 'batches'), 60_000, 1, -1)).toBeGreaterThan(50_000);
    // The interval of a queue is not the tenant's.
    expect(await ledger.rateBudget.take('acme', 60_000, 1, -1)).toBe(0);
  });

  it('adopts again what a worker of an older version stores meanwhile, without losing a block', async () => {
    const { ledger } = await emptyLedger();
    await ledger.tenant.register('acme');
    await ledger.rateBudget.block('acme', 600_000, 'a long 429');
    await ledger.rateBudget.block('api.example/111111111111', 1_000, 'a short 429');
    await ledger.tenant.register('acme');
    expect((await ledger.rateBudget.list()).map(({ tenant }) => tenant)).toEqual(['acme']);
    expect(await ledger.rateBudget.blockedMs('acme')).toBeGreaterThan(500_000);
  });
});
