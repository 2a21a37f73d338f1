import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import * as initial from '../../src/ledger/migrations/0001-initial.ts';
import * as failures from '../../src/ledger/migrations/0002-failures.ts';
import * as rateBlocks from '../../src/ledger/migrations/0003-rate-blocks.ts';
import { freshDatabase } from '../harness/fresh.ts';

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
});
