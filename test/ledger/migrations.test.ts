import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { freshDatabase } from '../harness/fresh.ts';

const opened = (url: string) => {
  const ledger = openLedger(url, 2);
  onTestFinished(() => ledger.close());
  return ledger;
};

describe('migrations', () => {
  it('name what an empty database lacks, and nothing once they have run', async () => {
    const ledger = opened(await freshDatabase());
    const files = readdirSync(join(import.meta.dirname, '../../src/ledger/migrations')).sort();
    expect(await ledger.missingMigrations()).toEqual(files.map((file) => file.replace('.ts', '')));
    await ledger.migrate();
    expect(await ledger.missingMigrations()).toEqual([]);
  });

  it('change nothing the second time', async () => {
    const ledger = opened(await freshDatabase());
    await ledger.migrate();
    await ledger.rateBudget.block('t', 1);
    await ledger.migrate();
    expect(await ledger.missingMigrations()).toEqual([]);
  });

  it('of a newer version are named', async () => {
    const url = await freshDatabase();
    const ledger = opened(url);
    expect(await ledger.unknownMigrations()).toEqual([]);
    await ledger.migrate();
    const later = openDatabase(url, 1);
    await later.pool.query("insert into cxflow_migrations values ('9999-later', 'now')");
    await later.close();
    expect(await ledger.unknownMigrations()).toEqual(['9999-later']);
  });

  it('run once when eight processes start on an empty database at the same moment', async () => {
    const url = await freshDatabase();
    const ledgers = Array.from({ length: 8 }, () => opened(url));
    await Promise.all(ledgers.map((ledger) => ledger.migrate()));
    expect(await ledgers[0]?.missingMigrations()).toEqual([]);
    expect((await ledgers[7]?.health())?.version).toMatch(/^\d+/);
  });
});
