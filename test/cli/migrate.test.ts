import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeError, renderError } from '../../src/cli/errors.ts';
import { run } from '../../src/cli/main.ts';
import { waitUntilPrepared } from '../../src/cli/prepared.ts';
import { openPreparedSession } from '../../src/cli/session.ts';
import { openDatabase } from '../../src/ledger/database.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { processRef } from '../../src/stack/lock.ts';
import { writeStackFile } from '../../src/stack/stack-file.ts';
import { newFolder } from '../harness/folders.ts';
import { freshDatabase } from '../harness/fresh.ts';
import { until } from '../harness/wait.ts';
import { fakeCli } from './fakes.ts';

const openLedgerOf = (url: string) => {
  const ledger = openLedger(url, 1);
  onTestFinished(() => ledger.close());
  return ledger;
};

const cliFor = (url: string) => {
  const env = { DATABASE_URL: url };
  const fake = fakeCli({}, { env });
  return { ...fake, openSession: () => openPreparedSession(fake) };
};

/** Starts a stack whose database has no tables yet. Temporal cannot be reached, so the demo ends when it connects. */
const demoCli = (folder: string, databaseUrl: string) => {
  writeStackFile(folder, {
    ports: { temporal: 1, temporalUi: 1, simulator: 1 },
    environment: { DATABASE_URL: databaseUrl },
    addresses: {
      databaseUrl,
      temporalAddress: '127.0.0.1:1',
      temporalUiUrl: null,
      simulatorUrl: 'http://127.0.0.1:1',
    },
    supervisor: processRef(process.pid),
    processes: {},
  });
  return fakeCli({}, { cwd: folder, stackDir: folder, env: { TEMPORAL_PROFILE: 'nope' } });
};

describe('cxflow migrate', () => {
  it('creates the tables of an empty database, and nothing the second time', async () => {
    const url = await freshDatabase();
    const names = await openLedgerOf(url).missingMigrations();
    expect(names.length).toBeGreaterThan(1);
    const first = cliFor(url);
    expect(await run(['migrate'], first)).toBe(0);
    expect(first.out()).toBe(
      `the ledger is prepared: ran ${names.length} migrations (${names.join(', ')})\n`,
    );
    const second = cliFor(url);
    expect(await run(['migrate', '--json'], second)).toBe(0);
    expect(JSON.parse(second.out())).toEqual({ migrations: [] });
    expect(second.err()).toBe('the ledger is prepared: no migration was missing\n');
    expect(await openLedgerOf(url).missingMigrations()).toEqual([]);
  });

  it('changes nothing in the ledger of another tenant', async () => {
    const url = await freshDatabase();
    const ledger = openLedgerOf(url);
    await ledger.migrate();
    await ledger.tenant.register('acme');
    const database = openDatabase(url, 1);
    onTestFinished(() => database.close());
    const forget = 'delete from cxflow_migrations where name = (select max(name) from cxflow_migrations)';
    await database.pool.query(forget);
    const missing = await ledger.missingMigrations();
    const cli = { ...cliFor(url), env: { DATABASE_URL: url, CXONE_TENANT: 'other' } };
    expect(await run(['migrate'], cli)).toBe(1);
    expect(cli.err()).toMatch(/belongs to the tenant acme, but the settings are those of the tenant other/);
    expect([missing.length, await ledger.missingMigrations()]).toEqual([1, missing]);
  });

  it('needs no right to create tables when none is missing', async () => {
    const url = new URL(await freshDatabase());
    await openLedgerOf(url.href).migrate();
    const role = `worker_${randomBytes(4).toString('hex')}`;
    const database = openDatabase(url.href, 1);
    await database.pool.query(`create role ${role} login password 'secret'`);
    await database.pool.query(`grant select on all tables in schema public to ${role}`);
    await database.close();
    Object.assign(url, { username: role, password: 'secret' });
    expect((await openLedgerOf(url.href).health()).mayCreate).toBe(false);
    expect(await run(['migrate'], cliFor(url.href))).toBe(0);
  });

  it('ends with 1 and what to do when a newer cxflow has migrated the ledger', async () => {
    const url = await freshDatabase();
    await openLedgerOf(url).migrate();
    const database = openDatabase(url, 1);
    await database.pool.query("insert into cxflow_migrations values ('9999-later', 'now')");
    await database.close();
    const cli = cliFor(url);
    expect(await run(['migrate'], cli)).toBe(1);
    expect(cli.err()).toMatch(/migrated by another version of cxflow \(9999-later\)\n {2}→ use that version/);
  });

  it('ends with 1 at once when the database does not answer, and waits for it with --wait', async () => {
    const url = 'postgres://x@127.0.0.1:1/x';
    const impatient = cliFor(url);
    expect(await run(['migrate'], impatient)).toBe(1);
    expect(impatient.err()).toMatch(/^cxflow: the database does not answer \(ECONNREFUSED, 127.0.0.1:1\)\n/);
    const patient = cliFor(url);
    const startedAt = performance.now();
    expect(await run(['migrate', '--wait', '1'], patient)).toBe(1);
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(patient.err()).toContain('127.0.0.1:1); trying again …\n');
  });

  it('ends with 2 without a database', async () => {
    const cli = fakeCli();
    expect(await run(['migrate'], cli)).toBe(2);
    expect(cli.err()).toContain('DATABASE_URL');
  });
});

describe('any other command on a ledger that is not prepared', () => {
  it('waits until it is prepared', async () => {
    const url = await freshDatabase();
    const cli = cliFor(url);
    const running = run(['runs'], cli);
    await until(
      () => cli.err(),
      (text) => text === 'waiting for the ledger to be prepared …\n',
    );
    await openLedgerOf(url).migrate();
    expect(await running).toBe(0);
  });

  it('waits even if it is the demo and finds a stack that has just started', async () => {
    const url = await freshDatabase();
    const folder = await newFolder();
    const cli = demoCli(folder, url);
    const running = run(['demo', '--rows', '1', '--once'], cli);
    await until(
      () => cli.err(),
      (text) => text === 'waiting for the ledger to be prepared …\n',
    );
    await openLedgerOf(url).migrate();
    expect(await running).toBe(1);
    expect(cli.err(), 'error of the demo, after it has staged the contacts').toContain(
      'Temporal at localhost:7233 does not answer',
    );
    await rm(folder, { recursive: true });
  });

  it('reports what is missing and what to do when the time is over', async () => {
    const ledger = openLedgerOf(await freshDatabase());
    const error = await waitUntilPrepared(ledger, fakeCli(), 500).catch((thrown: unknown) => thrown);
    const names = (await ledger.missingMigrations()).join(', ');
    expect(names).toMatch(/^0001-initial, /);
    expect(renderError(describeError(error, 'cxflow'))).toBe(
      `cxflow: the ledger is not prepared: migrations are missing (${names})\n` +
        '  → prepare it with `cxflow migrate`, or start a worker, which does the same: `cxflow worker`',
    );
  });

  it('does not wait for a database that does not answer', async () => {
    const unavailable = { missingMigrations: () => Promise.reject(new Error('down')) };
    await waitUntilPrepared(unavailable, fakeCli());
  });
});
