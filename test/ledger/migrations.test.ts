import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import * as initial from '../../src/ledger/migrations/0001-initial.ts';
import * as failures from '../../src/ledger/migrations/0002-failures.ts';
import * as rateBlocks from '../../src/ledger/migrations/0003-rate-blocks.ts';
import * as listLoads from '../../src/ledger/migrations/0014-list-loads.ts';
import { freshDatabase } from '../harness/fresh.ts';
import { untilWaiting } from './harness.ts';

const FOLDER = join(import.meta.dirname, '../../src/ledger/migrations');
const CHECKSUMS = join(import.meta.dirname, 'migrations.sha256');
const files = (readdirSync(FOLDER, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .sort();

const ADD_ANOTHER =
  'A migration is never changed: ledgers that have run it would not run it again. Restore the file and add a new ' +
  'migration instead. The checksum of a new file is added to test/ledger/migrations.sha256';

const opened = (url: string) => {
  const ledger = openLedger(url, 2);
  onTestFinished(() => ledger.close());
  return ledger;
};

describe('the files of the migrations', () => {
  it('are those that were committed first, byte for byte', () => {
    const actual = files.map((file) => {
      const hash = createHash('sha256').update(readFileSync(join(FOLDER, file)));
      return `${hash.digest('hex')}  src/ledger/migrations/${file}`;
    });
    expect(actual, ADD_ANOTHER).toEqual(readFileSync(CHECKSUMS, 'utf8').trim().split('\n'));
  });
});

/** The tables as workers of the version before 0014 know them. */
async function migrateBefore0014(url: string): Promise<void> {
  const before = openDatabase(url, 1);
  const names = files.filter((file) => !file.includes('/') && file < '0014');
  for (const name of names) {
    const migration = (await import(join(FOLDER, name))) as { up(db: Kysely<unknown>): Promise<void> };
    await migration.up(before.db as unknown as Kysely<unknown>);
  }
  await before.close();
}

describe('migrations', () => {
  it('that an empty database lacks are listed, and none once they have run', async () => {
    const ledger = opened(await freshDatabase());
    const names = files.filter((file) => !file.includes('/')).map((file) => file.replace('.ts', ''));
    expect(await ledger.missingMigrations()).toEqual(names);
    expect(await ledger.migrate()).toEqual(names);
    expect(await ledger.missingMigrations()).toEqual([]);
  });

  it('change nothing the second time', async () => {
    const ledger = opened(await freshDatabase());
    await ledger.migrate();
    await ledger.rateBudget.block('t', 60_000, 'a 429');
    expect(await ledger.migrate()).toEqual([]);
    expect(await ledger.missingMigrations()).toEqual([]);
    expect(await ledger.rateBudget.blockedMs('t')).toBeGreaterThan(0);
  });

  it('of a newer version are listed as unknown, and keep this version from migrating', async () => {
    const url = await freshDatabase();
    const ledger = opened(url);
    expect(await ledger.unknownMigrations()).toEqual([]);
    await ledger.migrate();
    const later = openDatabase(url, 1);
    await later.pool.query("insert into cxflow_migrations values ('9999-later', 'now')");
    await later.close();
    expect(await ledger.unknownMigrations()).toEqual(['9999-later']);
    await expect(ledger.migrate()).rejects.toThrow(/another version of cxflow \(9999-later\)/);
  });

  it('run once when eight processes start on an empty database at the same moment', async () => {
    const url = await freshDatabase();
    const ledgers = Array.from({ length: 8 }, () => opened(url));
    const ran = await Promise.all(ledgers.map((ledger) => ledger.migrate()));
    expect(ran.flat().sort()).toEqual(files.filter((file) => !file.includes('/')).map((f) => f.slice(0, -3)));
    expect(await ledgers[0]?.missingMigrations()).toEqual([]);
    expect((await ledgers[7]?.health())?.version).toMatch(/^\d+/);
  });

  it('0003 cuts blocks that would last for decades, and workers of the version before still block', async () => {
    const url = await freshDatabase();
    const before = openDatabase(url, 1);
    onTestFinished(() => before.close());
    const db = before.db as unknown as Kysely<unknown>;
    await initial.up(db);
    await failures.up(db);
    await before.pool.query(`select block_rate('t', 999999999000)`);
    await rateBlocks.up(db);
    const ledger = opened(url);
    const [budget] = await ledger.rateBudget.list();
    const waitMs = (budget?.block?.until.getTime() ?? Infinity) - (budget?.block?.since.getTime() ?? 0);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(86_400_000);
    expect(budget?.block?.reason).toMatch(/before reasons were stored/);
    expect(await ledger.rateBudget.lift('t', { by: 'dana' })).not.toBeNull();
    expect(await ledger.rateBudget.take('t', 10, 1, 0), 'the next request').toBe(0);
    await before.pool.query(`select block_rate('t', 60000)`);
    expect((await ledger.rateBudget.list())[0]?.block?.reason).toMatch(/older version/);
  });

  it('0014 keeps the payload of writes that were claimed before, whatever order their records were in', async () => {
    const url = await freshDatabase();
    const before = openDatabase(url, 2);
    onTestFinished(() => before.close());
    await migrateBefore0014(url);
    // A write that an answer has derived, claimed and then lost, as workers of the version before leave it.
    const { rows } = await before.pool.query<{ run_no: number; id: string }>(`
      with run as (insert into runs (run_id, kind, target, again, dry_run, input, staged_through, total, staged_counts)
          values ('r', 'contactImport', 'L', false, false, '{}', 3, 3, '{}') returning run_no),
        rows as (insert into records (run_no, seq, line, fields, record)
          select run_no, n, n + 1, '{}', json_build_object('n', n) from run, generate_series(1, 3) n)
      insert into writes (run_no, batch, kind, seqs) select run_no, 1, 'create', '{3,1,2}' from run
      returning run_no, id`);
    const { run_no: runNo = 0, id = '' } = rows[0] ?? {};
    const old = await before.pool.query<{ payload: string }>(
      `select payload from claim_writes($1, array[$2]::bigint[], 0, 'old', 't')`,
      [runNo, id],
    );
    await listLoads.up(before.db as unknown as Kysely<unknown>);
    const ledger = opened(url);
    const [write] = await ledger.writes.listOpen(runNo, 1, 1);
    expect(write?.seqs).toEqual([1, 2, 3]);
    const claim = await ledger.writes.claim({ runNo, id, leaseMs: 20_000, holder: 'new', tenant: 't' });
    expect(claim).toMatchObject({ verdict: 'claimed', lostAnswers: 1, payload: old.rows[0]?.payload });
    expect(await ledger.records.countScores(runNo)).toEqual(Array.from({ length: 10 }, () => 0));
    const rest = {
      runNo,
      id,
      fence: claim.verdict === 'claimed' ? claim.fence : 0,
      state: 'settled',
    } as const;
    const answer = { httpStatus: 200, latencyMs: 1, requestId: null, audit: {}, event: null };
    await ledger.writes.settle({
      ...{ ...rest, ...answer },
      groups: [{ outcome: 'created', seqs: [2] }],
      derived: [{ kind: 'create', seqs: [3, 1] }],
    });
    expect((await ledger.writes.listOpen(runNo, 1, 1)).map(({ seqs }) => seqs)).toEqual([[1, 3]]);
  });

  it('0014 waits for a claim that has locked its write and has not read its records yet', async () => {
    const url = await freshDatabase();
    const before = openDatabase(url, 3);
    onTestFinished(() => before.close());
    await migrateBefore0014(url);
    const db = before.db as unknown as Kysely<unknown>;
    await before.pool.query(`
      with run as (insert into runs (run_id, kind, target, again, dry_run, input, staged_through, total, staged_counts)
          values ('r', 'contactImport', 'L', false, false, '{}', 2, 2, '{}') returning run_no)
      insert into writes (run_no, batch, kind, seqs) select run_no, 1, 'create', '{2,1}' from run`);
    let migrated = Promise.resolve();
    await db.transaction().execute(async (claim) => {
      await sql`select from writes for update`.execute(claim);
      migrated = db.transaction().execute((tx) => listLoads.up(tx as Kysely<unknown>));
      await untilWaiting(before.db, 1);
      await sql`select from records`.execute(claim);
    });
    await migrated;
    const { rows } = await before.pool.query('select seqs from writes');
    expect(rows).toEqual([{ seqs: [1, 2] }]);
  });
});
