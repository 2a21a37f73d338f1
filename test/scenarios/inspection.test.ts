/** The commands that inspect: `runs`, `show`, `report`, `audit` and `doctor`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { openDatabase } from '../../src/ledger/database.ts';
import { csv, rowAt, rows } from './contacts.ts';
import { CRM, type Env, type Stand, useStand } from './stand.ts';

const onStand = useStand();
const NOWHERE = 'postgres://cxflow@127.0.0.1:1/cxflow';

async function importInto(stand: Stand, list: string, ...more: string[]): Promise<string> {
  stand.file('contacts.csv', csv([...rows(1, 150), rowAt(151, { optInStatus: 'maybe' })]));
  const args = ['contacts', 'import', 'contacts.csv', '--list', list, '--requested-by', 'dana', ...more];
  return (await stand.json<ContactImportResult>(args)).document.runId;
}

it('`runs`, `show`, `report` and `audit` show the state of runs, their outcomes and who did what', async () => {
  await onStand({}, async (stand) => {
    const dry = await importInto(stand, 'L1', '--dry-run');
    const real = await importInto(stand, 'L1');
    const [runs, shown, json] = await Promise.all([
      stand.cxflow(['runs', '--limit', '2']),
      stand.cxflow(['show', real]),
      stand.json(['show', real]),
    ]);
    const [head, ...lines] = runs.stdout.trim().split('\n');
    expect(head).toMatch(/run +state +records +settled +started +by/);
    expect(lines[0], 'the newest run, which comes first').toMatch(
      new RegExp(`${real} +completed +151 +151 .*dana`),
    );
    expect(lines[1]).toMatch(new RegExp(`${dry} +planned \\(dry run\\) +151 +1 `));
    for (const words of [
      /state +completed/,
      /started +.* by dana/,
      /source +contacts\.csv/,
      /requests +2,/,
    ]) {
      expect(shown.stdout).toMatch(words);
    }
    expect(json.document).toMatchObject({
      runId: real,
      kind: 'contactImport',
      target: 'L1',
      state: 'completed',
      requestedBy: 'dana',
      counts: { total: 151, pending: 0, created: 150, invalid: 1 },
      plan: { toWrite: 150, batches: 2 },
      reasons: [{ outcome: 'invalid', code: 'opt_in_status_invalid', field: 'optInStatus', n: 1 }],
      inDoubt: [],
      result: { state: 'completed' },
      failure: null,
    });
    for (const { stdout } of [runs, shown, json]) expect(stdout).not.toMatch(/\+1415555|Name \d/);
    await expectReport(stand, real);
    await expectAudit(stand, real);
    await stand.conserved(real, { isListShared: true });
  });
});

/** The report is one file with the run's numbers, and without a name or phone number of a contact. */
async function expectReport({ cxflow, folder }: Stand, runId: string): Promise<void> {
  const written = await cxflow(['report', runId, '--html', 'report.html']);
  expect(written).toMatchObject({ code: 0, stderr: '' });
  const page = await readFile(join(folder, 'report.html'), 'utf8');
  const text = page.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
  for (const words of [
    'created 150',
    'invalid 1 ',
    'total 151',
    'opt_in_status_invalid',
    'run closed: completed',
  ]) {
    expect(text).toContain(words);
  }
  expect(page.match(/<svg /g)).toHaveLength(2);
  expect(page).not.toMatch(/\+1415555|Name \d|c-\d|contacts\.csv/);
}

/** The audit of the whole run, without a name or phone number; `audit verify` finds a forged entry. */
async function expectAudit(stand: Stand, runId: string): Promise<void> {
  const audit = await stand.cxflow(['audit', '--run', runId, '--all']);
  const actions = audit.stdout
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/ {2,}/)[2]);
  expect(actions).toEqual([
    'run opened',
    'staged',
    'planned',
    'batch settled',
    'batch settled',
    'run closed',
  ]);
  expect(audit.stdout).not.toMatch(/\+1415555|Name \d|"c-\d/);
  const whole = await stand.cxflow(['audit', 'verify']);
  expect(whole).toMatchObject({ code: 0, stderr: '' });
  expect(whole.stdout).toMatch(/^ok: the chain of \d+ entries is intact\nhead: \d+:[0-9a-f]{64}\n/);

  const undo = await forge(stand, runId);
  const found = await stand.cxflow(['audit', 'verify']);
  expect(found.code).toBe(1);
  expect(found.stdout).toMatch(/^finding: /);
  await undo();
  expect((await stand.cxflow(['audit', 'verify'])).code).toBe(0);
}

it('`doctor` finds no problem in a healthy stack, and names each problem of a broken one', async () => {
  await onStand({ simulatorArgs: ['--client', 'scenarios:not-a-secret'] }, async (stand) => {
    const doctor = (env: Env) => stand.cxflow(['doctor'], env);
    const webhook = { CRM_WEBHOOK_URL: stand.admin.webhookUrl(CRM), CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };
    const healthy = await doctor(webhook);
    expect(healthy).toMatchObject({ code: 0, stderr: '' });
    // The PostgreSQL of the tests runs without fsync, for speed.
    const [, fsync] = /^(warning +database writes +fsync.*\n.*\n)/m.exec(healthy.stdout) ?? [];
    expect(fsync).toBeDefined();
    expect(healthy.stdout).toContain('0 problems, 1 warning');
    for (const clock of ['PostgreSQL', 'Temporal', 'CXone']) {
      expect(healthy.stdout).toMatch(new RegExp(`ok +${clock} clock`));
    }
    expect(healthy.stdout).toMatch(/ok +CRM webhook +http:\/\/127\.0\.0\.1:\d+ answers \(/);
    expect(await stand.admin.webhooks(CRM), 'events posted by the doctor').toEqual([]);
    expect(healthy.stdout).not.toContain('not-a-secret');

    // Concurrently, because some of them wait long for a server that does not exist.
    const [database, command] = [
      doctor({ DATABASE_URL: NOWHERE }),
      stand.cxflow(['runs'], { DATABASE_URL: NOWHERE }),
    ];
    const temporal = doctor({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    stand.file('contacts.csv', csv(rows(1, 3)));
    const importing = stand.cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L4'], {
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    const credentials = await doctor({ CXONE_CLIENT_SECRET: 'another-secret' });
    expect(credentials.stdout).toMatch(/problem +CXone contactlists .*refused.*\n +→ check CXONE_CLIENT_ID/);
    expect(credentials.stdout).not.toContain('another-secret');
    const settings = await doctor({ CXONE_REGION: 'mars', CXFLOW_MAX_IN_FLIGHT: 'many' });
    expect(settings.stdout).toMatch(
      /problem +settings +CXONE_REGION[^]*problem +settings +CXFLOW_MAX_IN_FLIGHT/,
    );
    expect((await database).stdout).toMatch(/problem +database +.*127\.0\.0\.1:1/);
    expect((await temporal).stdout).toMatch(/problem +Temporal +127\.0\.0\.1:1 does not answer/);
    for (const { code } of [credentials, settings, await database, await temporal]) expect(code).toBe(1);

    // Other commands report the problem in one line and say what to do.
    expect(await command).toMatchObject({ code: 1, stdout: '' });
    expect((await command).stderr).toMatch(
      /the database does not answer.*127\.0\.0\.1:1[^]*→ check DATABASE_URL/,
    );
    expect((await importing).code).toBe(1);
    expect((await importing).stderr).toMatch(
      /Temporal at 127\.0\.0\.1:1 does not answer\n +→ check that it is running/,
    );
  });
});

/** Changes a sealed entry, which only the owner of the table can do. Returns a function that restores it. */
async function forge({ env }: Stand, runId: string): Promise<() => Promise<void>> {
  const change = async (from: string, to: string) => {
    const database = openDatabase(env.DATABASE_URL ?? '', 1);
    await database.db
      .transaction()
      .execute(async (tx) => {
        await sql`alter table audit disable trigger user`.execute(tx);
        await sql`update audit set data = replace(data::text, ${from}, ${to})::json
          where run_id = ${runId} and action = 'run_opened'`.execute(tx);
        await sql`alter table audit enable trigger user`.execute(tx);
      })
      .finally(() => database.close());
  };
  await change('dana', 'mallory');
  return () => change('mallory', 'dana');
}
