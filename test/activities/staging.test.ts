import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { Outcome } from '../../src/domain/run.ts';
import {
  claimed,
  group,
  ledgerOfFile,
  openRun,
  writesOf,
  plannedRun,
  settlement,
  someId,
  upTo,
} from '../ledger/harness.ts';
import {
  environment,
  fakeCxone,
  perform,
  type WorkerOptions,
  workerOf,
  wholeOf,
  writeAll,
} from './harness.ts';

const opened = ledgerOfFile();
let root = '';
let sourceDir = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'cxflow-staging-'));
  sourceDir = join(root, 'sources');
  await mkdir(join(sourceDir, 'inner'), { recursive: true });
  await writeFile(join(root, 'secret.csv'), csv(3));
  await symlink(join(root, 'secret.csv'), join(sourceDir, 'link.csv'));
  await symlink(root, join(sourceDir, 'folder'));
  await mkdir(join(root, 'sources-of-others'));
  await writeFile(join(root, 'sources-of-others', 'a.csv'), csv(3));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const HEADER = 'contactId,phone,consentTimestamp,optInStatus';
const row = (i: number) => `c${i},+1415555${String(i).padStart(4, '0')},2026-10-01,confirmed`;
/** Each call has other contents, so that no two tests are the same run. */
let salt = 0;
const csv = (n: number): string =>
  `${[HEADER, ...upTo(n).map((i) => row(i))].join('\n')}\n${'\n'.repeat((salt += 1))}`;

async function fileOf(content: string): Promise<string> {
  const name = `${someId('file')}.csv`;
  await writeFile(join(sourceDir, name), content);
  return name;
}

async function fieldsOf(run: Run): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const { fields } of opened().ledger.records.list(run.run_no)) rows.push(fields);
  return rows;
}

function stage(run: Run, options: WorkerOptions = {}) {
  const { activities } = workerOf(opened().ledger, fakeCxone().cxone, { sourceDir, ...options });
  return perform(() => activities.stageRecords(run.run_id));
}

const runOf = (source: object, more: object = {}) =>
  openRun(opened().ledger, { input: { listId: 'L1', source, ...more } });

const exact = (run: Run) => opened().ledger.runs.exactCounts(run.run_no);

describe('a path', () => {
  it.each([
    '../secret.csv',
    'inner/../../secret.csv',
    'link.csv',
    'folder/secret.csv',
    '../sources-of-others/a.csv',
    '/etc/passwd',
  ])('that leads out of the source folder is refused: %s', async (path) => {
    const run = await runOf({ path, format: 'csv' });
    const failure = { type: 'SourceUnreadable', nonRetryable: true };
    await expect(stage(run)).rejects.toMatchObject(failure);
    await expect(stage(run)).rejects.toThrow(/CXFLOW_SOURCE_DIR/);
    expect(await exact(run)).toEqual({ total: 0, pending: 0 });
  });

  it('inside it is read, absolute or not, and with a name that begins with dots', async () => {
    await writeFile(join(sourceDir, '..dots.csv'), csv(2));
    await writeFile(join(sourceDir, 'inner', 'b.csv'), csv(2));
    for (const path of [
      '..dots.csv',
      'inner/b.csv',
      'inner/../inner/b.csv',
      join(sourceDir, 'inner', 'b.csv'),
    ]) {
      const run = await runOf({ path }, { again: true });
      await sql`update runs set again = true where run_no = ${run.run_no}`.execute(opened().database.db);
      await stage(run);
      expect(await exact(run)).toEqual({ total: 2, pending: 2 });
    }
  });

  it.each(['none.csv', 'inner', 'a.xlsx'])('that cannot be read ends the run: %s', async (path) => {
    const run = await runOf({ path });
    await expect(stage(run)).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
  });

  it('says so when the source folder itself is not there', async () => {
    const run = await runOf({ path: 'a.csv' });
    const staging = stage(run, { sourceDir: join(root, 'gone') });
    await expect(staging).rejects.toThrow(/CXFLOW_SOURCE_DIR/);
  });
});

describe('staging', () => {
  it('counts what is valid, invalid and duplicate', async () => {
    const bad = 'c9,0123,2026-10-01,confirmed';
    const path = await fileOf(`${csv(3).trimEnd()}\n${bad}\n${row(2)}\n`);
    const run = await runOf({ path });
    await stage(run);
    expect(await exact(run)).toEqual({ total: 5, pending: 3, invalid: 1, duplicate: 1 });
    await stage(run);
    expect(await exact(run)).toEqual({ total: 5, pending: 3, invalid: 1, duplicate: 1 });
  });

  it('goes on where a dead worker’s attempt was, with the same result as in one go', async () => {
    const path = await fileOf(csv(5_000));
    const run = await runOf({ path });
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
    const { activities } = workerOf(dying, fakeCxone().cxone, { sourceDir });
    const first = perform(() => activities.stageRecords(run.run_id));
    await expect(first).rejects.toMatchObject({ type: 'LedgerUnavailable', nonRetryable: false });
    expect((await ledger.runs.get(run.run_id)).staged_through).toBe(2_000);
    await stage(run);
    expect(await exact(run)).toEqual({ total: 5_000, pending: 5_000 });
  });

  it('stages every row once when two attempts overlap', async () => {
    const path = await fileOf(csv(4_500));
    const run = await runOf({ path });
    await Promise.all([stage(run), stage(run)]);
    expect(await exact(run)).toEqual({ total: 4_500, pending: 4_500 });
  });

  it('ends the run when the source has changed since the attempt before', async () => {
    const path = await fileOf(csv(10));
    const run = await runOf({ path });
    await stage(run);
    await writeFile(join(sourceDir, path), csv(11));
    await expect(stage(run)).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
    await expect(stage(run)).rejects.toThrow(/has changed/);
  });

  it('goes on from its rows when the file that was handed over has been deleted since they were staged', async () => {
    const { ledger } = opened();
    const contactId = someId('anna');
    const content = csv(3).replace('c2,', `${contactId},`);
    const dataset = await ledger.datasets.stage('a', 'csv', Readable.from([Buffer.from(content)]));
    const run = await runOf({ dataset: dataset.id });
    await stage(run);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const erasure = { contactId, datasets: [dataset.id], requestedBy: null };
    expect(await ledger.erasures.erase({ ...erasure, erasureId: someId('e') })).toMatchObject({
      records: 1,
      datasets: 1,
    });
    await stage(run);
    expect((await ledger.runs.get(run.run_id)).state).toBe('running');
    expect(await exact(run)).toEqual({ total: 3, pending: 2, cancelled: 1 });
  });

  it('ends it too when the source changes while it is read, and never goes on from what was staged', async () => {
    const content = csv(4_000);
    const path = await fileOf(content);
    const run = await runOf({ path });
    const { ledger } = opened();
    const meddling = {
      ...ledger,
      runs: {
        ...ledger.runs,
        // Between the hash and the rows.
        reserveBusinessKey: async (...args: Parameters<typeof ledger.runs.reserveBusinessKey>) => {
          await writeFile(join(sourceDir, path), content.replace('c7,', 'x7,'));
          return ledger.runs.reserveBusinessKey(...args);
        },
      },
    };
    const { activities } = workerOf(meddling, fakeCxone().cxone, { sourceDir });
    const staging = perform(() => activities.stageRecords(run.run_id));
    await expect(staging).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
    await writeFile(join(sourceDir, path), content);
    await expect(stage(run)).rejects.toThrow(/has changed/);
  });

  it('stops between two chunks when its worker drains or it is cancelled', async () => {
    const path = await fileOf(csv(3_000));
    const run = await runOf({ path });
    const worker = workerOf(opened().ledger, fakeCxone().cxone, { sourceDir });
    worker.draining.abort();
    const drained = perform(() => worker.activities.stageRecords(run.run_id));
    await expect(drained).rejects.toMatchObject({ type: 'WorkerDraining', nonRetryable: false });
    const env = environment();
    env.cancel();
    const { activities } = workerOf(opened().ledger, fakeCxone().cxone, { sourceDir });
    await expect(perform(() => activities.stageRecords(run.run_id), env)).rejects.toMatchObject({
      name: 'CancelledFailure',
    });
    await stage(run);
    expect(await exact(run)).toEqual({ total: 3_000, pending: 3_000 });
  });

  it('takes rows of megabytes', async () => {
    const wide = upTo(6).map(
      (i) => `${row(i)},${'x'.repeat(900_000)},${'y'.repeat(900_000)},${'z'.repeat(900_000)}`,
    );
    const path = await fileOf(`${HEADER},n1,n2,n3\n${wide.join('\n')}\n`);
    const run = await runOf({ path });
    const large = { maxRowBytes: 4_000_000, maxFieldCharacters: 1_000_000, maxColumns: 10 };
    await stage(run, { sourceLimits: large });
    expect(await exact(run)).toEqual({ total: 6, pending: 6 });
    const limited = await runOf({
      path: await fileOf(`${HEADER},n1\n${row(1)},${'x'.repeat(100_001)}\n${row(2)},y\n`),
    });
    await stage(limited);
    expect(await exact(limited)).toEqual({ total: 2, pending: 1, invalid: 1 });
  });

  it('takes a file in another encoding that is named, and refuses one that is not, with the word to say', async () => {
    const content = Buffer.from(`${csv(2).trimEnd().replace('c1,', 'Zo\u00eb,')}\n`, 'latin1');
    const name = `${someId('file')}.csv`;
    await writeFile(join(sourceDir, name), content);
    await expect(stage(await runOf({ path: name }))).rejects.toThrow(/line 2\b.*"encoding"/);
    const run = await runOf({ path: name, encoding: 'windows-1252' });
    await stage(run);
    const [first] = await fieldsOf(run);
    expect(first).toMatchObject({ contactId: 'Zoë' });
    expect((await opened().ledger.runs.get(run.run_id)).source).toMatchObject({ encoding: 'windows-1252' });
  });

  it('of JSON arrays, NDJSON and the shape of the API stages the same contacts', async () => {
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
      await writeFile(join(sourceDir, path), content);
      const run = await runOf({ path });
      await stage(run);
      expect(await exact(run)).toEqual({ total: 3, pending: 3 });
      const { rows } = await sql<{ record: unknown }>`
        select record from records where run_no = ${run.run_no} order by seq`.execute(opened().database.db);
      staged.push(rows);
    }
    expect(staged[1]).toEqual(staged[0]);
    expect(staged[2]).toEqual(staged[0]);
  });

  it('names every column that is missing, and none of the values', async () => {
    const path = await fileOf('name,tel\nann,+14155550101\n');
    const error = await stage(await runOf({ path })).catch((e: unknown) => e as Error);
    expect(String(error)).toMatch(/contactId.*phone.*consentTimestamp/s);
    expect(String(error)).not.toContain('+14155550101');
  });

  it('names a field of the map that there is not, also where rows have no header', async () => {
    const name = `${someId('rows')}.ndjson`;
    await writeFile(join(sourceDir, name), '{"contactId":"c1"}\n');
    const run = await runOf({ path: name, map: { fone: 'tel' } });
    await expect(stage(run)).rejects.toThrow(/fone/);
  });
});

describe('the same content', () => {
  it('to the same list ends the second run, which names the first; not with `again`, nor with other options', async () => {
    const content = csv(3);
    const source = { path: await fileOf(content) };
    const first = await runOf(source);
    await stage(first);
    const copy = { path: await fileOf(content) };
    const error = await stage(await runOf(copy)).catch((e: unknown) => e);
    expect(error).toMatchObject({ type: 'AlreadyRun', nonRetryable: true });
    expect(String(error)).toContain(first.run_id);
    await stage(await runOf(copy, { existing: 'update' }));
    const again = await runOf(copy);
    await sql`update runs set again = true where run_no = ${again.run_no}`.execute(opened().database.db);
    await stage(again);
  });
});

/** Settles these records of a run of one batch; the rest goes back to be written. */
async function settleAs(run: Run, outcomes: Partial<Record<Outcome, readonly number[]>>): Promise<void> {
  const { ledger } = opened();
  const [write] = await writesOf(ledger, run);
  const { id = '', seqs = [] } = write ?? {};
  const { fence } = await claimed(ledger, run, id);
  const groups = Object.entries(outcomes).map(([outcome, of]) => group(outcome as Outcome, of));
  const settled = groups.flatMap((each) => each.seqs);
  const rest = seqs.filter((seq) => !settled.includes(seq));
  const derived = rest.length > 0 ? [{ kind: 'create', seqs: rest }] : [];
  await ledger.writes.settle({ ...settlement(id, fence, groups), derived });
}

describe('a retry of an old run', () => {
  it('takes what is left of it, with its names of columns', async () => {
    const { ledger } = opened();
    const renamed = csv(6).replace(HEADER, 'Key,Tel,Since,State');
    const map = { contactId: 'Key', phone: 'Tel', consentTimestamp: 'Since', optInStatus: 'State' };
    const run = await runOf({ path: await fileOf(renamed), map });
    await stage(run);
    await ledger.writes.plan(run.run_no, 'create', 2);
    const cxone = fakeCxone({
      answer: (_, ids) =>
        ids.includes('c3')
          ? { kind: 'refused', status: 400, message: 'no', named: [], notes: [], requestId: 'q' }
          : undefined,
    });
    await writeAll(workerOf(ledger, cxone.cxone), wholeOf(run));
    expect(await exact(run)).toEqual({ total: 6, pending: 0, created: 5, rejected: 1 });
    const retry = await runOf({ retryOf: run.run_id });
    await expect(stage(retry)).rejects.toThrow(/has not ended/);
    await ledger.runs.close(run.run_no, 'completed', null, null);
    await stage(retry);
    expect(await exact(retry)).toEqual({ total: 1, pending: 1 });
    await ledger.runs.close(retry.run_no, 'failed', null, null);
    const second = await runOf({ retryOf: retry.run_id });
    await stage(second);
    expect(await exact(second)).toEqual({ total: 1, pending: 1 });
  });

  it('of a run that there is not ends at once', async () => {
    await expect(stage(await runOf({ retryOf: 'none' }))).rejects.toMatchObject({ type: 'SourceUnreadable' });
  });

  it('takes the rejected, conflicting, cancelled and pending, with their lines, and no other', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 8, 100);
    await settleAs(run, {
      created: [1],
      in_doubt: [2],
      rejected: [3],
      conflict: [4],
      cancelled: [5],
      existing: [6],
    });
    await sql`insert into outcomes (run_no, seq, outcome) values (${run.run_no}, 7, 'invalid')`.execute(
      opened().database.db,
    );
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const retry = await runOf({ retryOf: run.run_id });
    const error = await stage(retry).catch((e: unknown) => e);
    // These rows have no phone: they are read again by the rules, and refused by them.
    expect(error).toBeUndefined();
    const lines = [];
    for await (const { line } of ledger.records.list(retry.run_no)) lines.push(line);
    expect(lines).toEqual([4, 5, 6, 9]);
  });

  it('of a run that left nothing, or has writes without an answer, is refused with what to do', async () => {
    const { ledger } = opened();
    const done = await plannedRun(ledger, 2, 100);
    await settleAs(done, { created: [1, 2] });
    await ledger.runs.close(done.run_no, 'completed', null, null);
    await expect(stage(await runOf({ retryOf: done.run_id }))).rejects.toThrow(/left nothing to retry/);
    const lost = await plannedRun(ledger, 2, 100);
    const [write] = await writesOf(ledger, lost);
    await claimed(ledger, lost, write?.id ?? '');
    await ledger.runs.close(lost.run_no, 'failed', null, null);
    const retry = await runOf({ retryOf: lost.run_id });
    await expect(stage(retry)).rejects.toThrow(
      /without an answer; start it again with the same id: it continues where it stopped/,
    );
    expect(await exact(retry)).toEqual({ total: 0, pending: 0 });
  });

  it('is one run, whoever starts it; the old run does not go on beside it', async () => {
    const { ledger } = opened();
    const run = await runOf({ path: await fileOf(csv(3)) });
    await stage(run);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const retry = await runOf({ retryOf: run.run_id });
    await stage(retry);
    const taken = { type: 'AlreadyRun', message: expect.stringContaining(retry.run_id) as string };
    for (const options of [{}, { existing: 'update' }]) {
      const other = await runOf({ retryOf: run.run_id }, options);
      await expect(stage(other)).rejects.toMatchObject(taken);
      await ledger.runs.close(other.run_no, 'failed', null, null);
    }
    await expect(stage(run)).rejects.toMatchObject(taken);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    // One that was cancelled left the rest to whoever asks next.
    await ledger.records.cancelPending(retry.run_no, { code: 'run_cancelled' });
    await ledger.runs.close(retry.run_no, 'cancelled', null, null);
    const next = await runOf({ retryOf: run.run_id });
    await stage(next);
    expect(await exact(next)).toEqual({ total: 3, pending: 3 });
  });

  it('of a dry run is what its own source would be: not beside an import of that', async () => {
    const { ledger } = opened();
    const path = await fileOf(csv(2));
    const run = await runOf({ path });
    await sql`update runs set dry_run = true where run_no = ${run.run_no}`.execute(opened().database.db);
    await stage(run);
    await ledger.runs.close(run.run_no, 'completed', null, null);
    const retry = await runOf({ retryOf: run.run_id });
    await stage(retry);
    expect(await exact(retry)).toEqual({ total: 2, pending: 2 });
    await expect(stage(await runOf({ path }))).rejects.toMatchObject({ type: 'AlreadyRun' });
  });
});
