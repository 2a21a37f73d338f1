import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SOURCE_LIMITS } from '../../src/domain/source-limits.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { ledgerOfFile, someId, upTo } from '../ledger/harness.ts';
import { createEnvironment, createWorker, fakeCxone, runActivity } from './harness.ts';
import { csv, HEADER, row, useSourceFolder } from './source-folder.ts';

const opened = ledgerOfFile();
const { folder, writeCsv, stage, openRunOf, countExactly } = useSourceFolder(opened);

async function listFields(run: Run): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const { fields } of opened().ledger.records.list(run.run_no)) rows.push(fields);
  return rows;
}

describe('staging', () => {
  it('counts valid, invalid and duplicate rows', async () => {
    const bad = 'c9,0123,2026-10-01,confirmed';
    const path = await writeCsv(`${csv(3).trimEnd()}\n${bad}\n${row(2)}\n`);
    const run = await openRunOf({ path });
    await stage(run);
    expect(await countExactly(run)).toEqual({ total: 5, pending: 3, invalid: 1, duplicate: 1 });
    await stage(run);
    expect(await countExactly(run)).toEqual({ total: 5, pending: 3, invalid: 1, duplicate: 1 });
  });

  it('continues where the attempt of a dead worker stopped', async () => {
    const path = await writeCsv(csv(5_000));
    const run = await openRunOf({ path });
    const { ledger } = opened();
    let chunks = 0;
    const dying = {
      ...ledger,
      records: {
        ...ledger.records,
        stage: (...args: Parameters<typeof ledger.records.stage>) => {
          chunks += 1;
          if (chunks === 2) return Promise.reject(Object.assign(new Error('gone'), { code: '57P01' }));
          return ledger.records.stage(...args);
        },
      },
    };
    const { activities } = createWorker(dying, fakeCxone().cxone, { sourceDir: folder.sourceDir });
    const first = runActivity(() => activities.stageRecords(run.run_id));
    await expect(first).rejects.toMatchObject({ type: 'LedgerUnavailable', nonRetryable: false });
    expect((await ledger.runs.get(run.run_id)).staged_through).toBe(2_000);
    await stage(run);
    expect(await countExactly(run)).toEqual({ total: 5_000, pending: 5_000 });
  });

  it('stages every row once when two attempts overlap', async () => {
    const path = await writeCsv(csv(4_500));
    const run = await openRunOf({ path });
    await Promise.all([stage(run), stage(run)]);
    expect(await countExactly(run)).toEqual({ total: 4_500, pending: 4_500 });
  });

  it('fails the run if the source has changed since the previous attempt', async () => {
    const path = await writeCsv(csv(10));
    const run = await openRunOf({ path });
    await stage(run);
    await writeFile(join(folder.sourceDir, path), csv(11));
    await expect(stage(run)).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
    await expect(stage(run)).rejects.toThrow(/has changed/);
  });

  it('continues with its staged rows if the dataset has been erased since', async () => {
    const { ledger } = opened();
    const contactId = someId('anna');
    const content = csv(3).replace('c2,', `${contactId},`);
    const dataset = await ledger.datasets.stage('a', 'csv', Readable.from([Buffer.from(content)]));
    const run = await openRunOf({ dataset: dataset.id });
    await stage(run);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const erasure = { contactId, objectedAt: new Date().toISOString(), requestedBy: null };
    expect(await ledger.erasures.erase({ ...erasure, erasureId: someId('e') })).toMatchObject({
      records: 1,
      datasets: 1,
    });
    await stage(run);
    expect((await ledger.runs.get(run.run_id)).state).toBe('running');
    expect(await countExactly(run)).toEqual({ total: 3, pending: 2, cancelled: 1 });
  });

  it('fails the run if the source changes while it is read, and never continues with the rows staged so far', async () => {
    const content = csv(4_000);
    const path = await writeCsv(content);
    const run = await openRunOf({ path });
    const { ledger } = opened();
    const changing = {
      ...ledger,
      runs: {
        ...ledger.runs,
        // Called after the source is hashed and before its rows are read.
        reserveBusinessKey: async (...args: Parameters<typeof ledger.runs.reserveBusinessKey>) => {
          await writeFile(join(folder.sourceDir, path), content.replace('c7,', 'x7,'));
          return ledger.runs.reserveBusinessKey(...args);
        },
      },
    };
    const { activities } = createWorker(changing, fakeCxone().cxone, { sourceDir: folder.sourceDir });
    const staging = runActivity(() => activities.stageRecords(run.run_id));
    await expect(staging).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
    await writeFile(join(folder.sourceDir, path), content);
    await expect(stage(run)).rejects.toThrow(/has changed/);
  });

  it('stops between two chunks when its worker drains or the activity is cancelled', async () => {
    const path = await writeCsv(csv(3_000));
    const run = await openRunOf({ path });
    const worker = createWorker(opened().ledger, fakeCxone().cxone, { sourceDir: folder.sourceDir });
    worker.draining.abort();
    const drained = runActivity(() => worker.activities.stageRecords(run.run_id));
    await expect(drained).rejects.toMatchObject({ type: 'WorkerDraining', nonRetryable: false });
    const env = createEnvironment();
    env.cancel();
    const { activities } = createWorker(opened().ledger, fakeCxone().cxone, { sourceDir: folder.sourceDir });
    await expect(runActivity(() => activities.stageRecords(run.run_id), env)).rejects.toMatchObject({
      name: 'CancelledFailure',
    });
    await stage(run);
    expect(await countExactly(run)).toEqual({ total: 3_000, pending: 3_000 });
  });

  it('accepts rows of megabytes', async () => {
    const wide = upTo(6).map(
      (i) => `${row(i)},${'x'.repeat(900_000)},${'y'.repeat(900_000)},${'z'.repeat(900_000)}`,
    );
    const path = await writeCsv(`${HEADER},n1,n2,n3\n${wide.join('\n')}\n`);
    const run = await openRunOf({ path });
    const large = { maxRowBytes: 4_000_000, maxFieldCharacters: 1_000_000, maxColumns: 10 };
    await stage(run, { sourceLimits: { ...DEFAULT_SOURCE_LIMITS, ...large } });
    expect(await countExactly(run)).toEqual({ total: 6, pending: 6 });
    const limited = await openRunOf({
      path: await writeCsv(`${HEADER},n1\n${row(1)},${'x'.repeat(100_001)}\n${row(2)},y\n`),
    });
    await stage(limited);
    expect(await countExactly(limited)).toEqual({ total: 2, pending: 1, invalid: 1 });
  });

  it('reads a file in the given encoding, and explains what to do without one', async () => {
    const content = Buffer.from(`${csv(2).trimEnd().replace('c1,', 'Zo\u00eb,')}\n`, 'latin1');
    const name = `${someId('file')}.csv`;
    await writeFile(join(folder.sourceDir, name), content);
    await expect(stage(await openRunOf({ path: name }))).rejects.toThrow(/line 2\b.*"encoding"/);
    const run = await openRunOf({ path: name, encoding: 'windows-1252' });
    await stage(run);
    const [first] = await listFields(run);
    expect(first).toMatchObject({ contactId: 'Zoë' });
    expect((await opened().ledger.runs.get(run.run_id)).source).toMatchObject({ encoding: 'windows-1252' });
  });

  it('stages the same contacts from a JSON array, NDJSON and a body of the API', async () => {
    const contacts = upTo(3).map((i) => ({
      contactId: `j${i}-${someId('x')}`,
      phoneNumbers: [{ type: 'home', number: `+1415555${String(i).padStart(4, '0')}` }],
      customFields: { city: 'Köln' },
      consentTimestamp: '2026-10-01',
      optInStatus: 'confirmed',
    }));
    const files = {
      'a.json': JSON.stringify(contacts, null, 2),
      'b.json': JSON.stringify({ records: contacts }),
      'c.ndjson': contacts.map((each) => JSON.stringify(each)).join('\n'),
    };
    const staged = [];
    for (const [name, content] of Object.entries(files)) {
      const path = `${someId('file')}-${name}`;
      await writeFile(join(folder.sourceDir, path), content);
      const run = await openRunOf({ path });
      await stage(run);
      expect(await countExactly(run)).toEqual({ total: 3, pending: 3 });
      const { rows } = await sql<{ record: unknown }>`
        select record from records where run_no = ${run.run_no} order by seq`.execute(opened().database.db);
      staged.push(rows);
    }
    expect(staged[1]).toEqual(staged[0]);
    expect(staged[2]).toEqual(staged[0]);
  });

  it('names every missing column, and no values', async () => {
    const path = await writeCsv('name,tel\nann,+14155550101\n');
    const error = await stage(await openRunOf({ path })).catch((e: unknown) => e as Error);
    expect(String(error)).toMatch(/contactId.*phone.*consentTimestamp/s);
    expect(String(error)).not.toContain('+14155550101');
  });

  it('names an unknown field of the map, even if there is no header', async () => {
    const name = `${someId('rows')}.ndjson`;
    await writeFile(join(folder.sourceDir, name), '{"contactId":"c1"}\n');
    const run = await openRunOf({ path: name, map: { fone: 'tel' } });
    await expect(stage(run)).rejects.toThrow(/fone/);
  });
});

describe('the same content', () => {
  it('fails a second run to the same list, naming the first, unless `again` or other options are given', async () => {
    const content = csv(3);
    const source = { path: await writeCsv(content) };
    const first = await openRunOf(source);
    await stage(first);
    const copy = { path: await writeCsv(content) };
    const error = await stage(await openRunOf(copy)).catch((e: unknown) => e);
    expect(error).toMatchObject({ type: 'AlreadyRun', nonRetryable: true });
    expect(String(error)).toContain(first.run_id);
    await stage(await openRunOf(copy, { existing: 'update' }));
    const again = await openRunOf(copy);
    await sql`update runs set again = true where run_no = ${again.run_no}`.execute(opened().database.db);
    await stage(again);
  });
});
