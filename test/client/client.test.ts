import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError, NoWorkerAnswered, RunNotFound } from '../../src/client.ts';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import { contactImportOptions } from '../../src/contract/contact-import.ts';
import type { Source } from '../../src/contract/run.ts';
import { businessKey } from '../../src/ledger/runs/business-key.ts';
import { retryContentSha256 } from '../../src/ledger/runs/retries.ts';
import { SourceError } from '../../src/sources/errors.ts';
import { record, someId, upTo } from '../ledger/harness.ts';
import { clientOfFile } from './harness.ts';

const made = clientOfFile();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cxflow-client-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const rows = () => [{ contactId: someId('c'), phone: '+14155550101' }];
const stage = () => made().client.stageRows(rows());
const start = (input: ContactImportInput, runId?: string) =>
  made().client.startContactImport(input, runId === undefined ? {} : { runId });

async function datasets(): Promise<number> {
  const { rows } = await sql<{ n: string }>`select count(*) as n from datasets`.execute(made().database.db);
  return Number(rows[0]?.n);
}

async function problemsOf(work: Promise<unknown>): Promise<readonly string[]> {
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).problems;
}

/** Records a run in the ledger as a worker would leave it. */
async function ended(
  runId: string,
  state: 'completed' | 'cancelled' | 'failed',
  key: string | null,
  source: Source = { path: 'of-another-day.csv' },
): Promise<void> {
  const { ledger } = made();
  const input = { listId: 'L1', source };
  const more = { kind: 'contactImport', target: 'L1', again: false, dryRun: false, requestedBy: null, input };
  const { run } = await ledger.runs.open({ runId, ...more });
  if (key !== null) await ledger.runs.reserveBusinessKey(run.run_no, key);
  await ledger.runs.close(run.run_no, state, { runId, state }, null);
}

const openedRun = () =>
  made().ledger.runs.open({
    runId: someId('open'),
    kind: 'contactImport',
    target: 'L1',
    again: false,
    dryRun: false,
    requestedBy: null,
    input: { listId: 'L1' },
  });

describe('starting an import', () => {
  it('twice at the same time is one run, and the later callers learn that it is running', async () => {
    const { source } = await stage();
    const starts = await Promise.all(upTo(6).map(() => start({ listId: 'L1', source })));
    expect(new Set(starts.map(({ runId }) => runId)).size).toBe(1);
    expect(starts.map(({ status }) => status).sort()).toEqual([...upTo(5).map(() => 'running'), 'started']);
    expect(starts[0]?.runId).toMatch(/^contact-import:L1:[0-9a-f]{24}$/);
  });

  it('with other content, for another list or with other options is another run', async () => {
    const { source } = await stage();
    const inputs: ContactImportInput[] = [
      { listId: 'L1', source },
      { listId: 'L2', source },
      { listId: 'L1', source, existing: 'update' },
      { listId: 'L1', source, dedupe: 'phone' },
      { listId: 'L1', source: (await stage()).source },
      { listId: 'L1', source, again: true },
      { listId: 'L1', source, dryRun: true },
    ];
    const starts = await Promise.all(inputs.map((input) => start(input)));
    expect(new Set(starts.map(({ runId }) => runId)).size).toBe(inputs.length);
    expect(starts.every(({ status }) => status === 'started')).toBe(true);
  });

  it('with other options that do not change what is written is the same run', async () => {
    const { source } = await stage();
    const { runId } = await start({ listId: 'L1', source });
    const again = await start({ listId: 'L1', source, approval: true, requestedBy: 'dana', notify: 'run' });
    expect(again).toEqual({ runId, status: 'running', result: null });
  });

  it('that has ended returns its result, even after Temporal no longer has it', async () => {
    const { source } = await stage();
    const { runId } = await start({ listId: 'L9', source }, someId('once'));
    await made().temporal.workflow.getHandle(runId).terminate('for the test');
    const other = someId('long-ago');
    await ended(other, 'completed', someId('key'), source);
    expect(await start({ listId: 'L1', source }, other)).toMatchObject({
      status: 'finished',
      result: { runId: other, state: 'completed' },
    });
  });

  it('under the id of another import is refused instead of returning the result of that one', async () => {
    const { source } = await stage();
    const { source: others } = await stage();
    const nightly = someId('nightly');
    await ended(nightly, 'completed', someId('key'), source);
    const wrong: ContactImportInput[] = [
      { listId: 'L1', source: others },
      { listId: 'L2', source },
      { listId: 'L1', source, existing: 'update' },
      { listId: 'L1', source, dryRun: true },
    ];
    for (const input of wrong)
      expect(await problemsOf(start(input, nightly))).toEqual([
        expect.stringMatching(/belongs to another run \(contactImport for L1, .*choose another id/),
      ]);
  });

  it('from a path is another run each time, because only the worker knows the content of the file', async () => {
    const input: ContactImportInput = { listId: 'L1', source: { path: 'daily.csv' } };
    const [monday, tuesday] = [await start(input), await start(input)];
    expect([monday.status, tuesday.status]).toEqual(['started', 'started']);
    expect(monday.runId).not.toBe(tuesday.runId);
  });

  it('again after a failure executes it, and does not return the result of the failure', async () => {
    const { source } = await stage();
    const runId = someId('failed');
    await ended(runId, 'failed', someId('key'));
    expect(await start({ listId: 'L1', source }, runId)).toMatchObject({ status: 'started' });
    expect(await start({ listId: 'L1', source }, runId)).toEqual({ runId, status: 'running', result: null });
  });

  it('after one that was cancelled uses the next id', async () => {
    const { source } = await stage();
    const { runId } = await start({ listId: 'L1', source });
    await made().temporal.workflow.getHandle(runId).terminate('for the test');
    await ended(runId, 'cancelled', runId, source);
    const next = await start({ listId: 'L1', source });
    expect(next).toMatchObject({ runId: `${runId}:2`, status: 'started' });
  });

  it('after one that was cancelled before its source was read uses the next id as well', async () => {
    const { source } = await stage();
    const { runId } = await start({ listId: 'L1', source });
    await made().temporal.workflow.getHandle(runId).terminate('for the test');
    await ended(runId, 'cancelled', null, source);
    expect(await start({ listId: 'L1', source })).toMatchObject({ runId: `${runId}:2`, status: 'started' });
  });

  it('reports every problem of the input at once, and starts nothing', async () => {
    const wrong = {
      listId: 'a b',
      source: { path: 1, more: true },
      existing: 'maybe',
      dryRun: 'yes',
      lisstId: 'x',
      approvalDeadline: 'soon',
    };
    const problems = await problemsOf(start(wrong as never));
    for (const field of [
      'listId',
      'source.path',
      'source.more',
      'existing',
      'dryRun',
      'lisstId',
      'approvalDeadline',
    ])
      expect(problems.join('\n')).toContain(field);
    expect(await problemsOf(start({} as never))).toHaveLength(2);
    const unchecked = { listId: 'L1', source: { path: 'a.csv' }, policy: 'strict' } as const;
    expect(await problemsOf(start(unchecked))).toEqual([expect.stringContaining('requireConsent') as string]);
    expect(await problemsOf(start(null as never))).toHaveLength(1);
    expect(await problemsOf(start({ listId: 'L1', source: { url: 'https://x' } } as never))).toHaveLength(1);
  });

  it('as a retry refuses a run that does not exist, has not ended, or left nothing', async () => {
    const retry = (runId: string) => start({ listId: 'L1', source: { retryOf: runId } });
    expect((await problemsOf(retry('nobody'))).join()).toContain('there is no run nobody');
    const runId = someId('old');
    await ended(runId, 'completed', someId('key'));
    expect((await problemsOf(retry(runId))).join()).toContain(`run ${runId} left nothing to retry`);
    const { run } = await openedRun();
    expect((await problemsOf(retry(run.run_id))).join()).toContain('has not ended');
  });

  it('as a retry is one run, and another one after a retry that was cancelled', async () => {
    const { ledger } = made();
    const { run } = await openedRun();
    await ledger.records.stage(run.run_no, [record(1)]);
    await ledger.records.finishStaging(run.run_no);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const retry = () => start({ listId: 'L1', source: { retryOf: run.run_id } });
    const { runId, status } = await retry();
    expect([status, await retry()]).toEqual(['started', { runId, status: 'running', result: null }]);
    await made().temporal.workflow.getHandle(runId).terminate('for the test');
    // The business key that a worker reserves for it: with another hash, the next retry would not get number 2.
    const key = businessKey(
      'contact-import',
      'L1',
      retryContentSha256(run),
      contactImportOptions({ listId: 'L1', source: { retryOf: run.run_id } }),
    );
    expect(runId).toBe(key);
    await ended(runId, 'cancelled', key);
    expect(await retry()).toMatchObject({ runId: `${key}:2`, status: 'started' });
  });

  it('refuses a dataset that nobody staged', async () => {
    const problems = await problemsOf(start({ listId: 'L1', source: { dataset: 'ds_csv_none' } }));
    expect(problems.join()).toContain('ds_csv_none');
  });
});

describe('staging a file', () => {
  const HEADER = 'contactId,phone,consentTimestamp,optInStatus';
  const file = async (name: string, content: string | Buffer) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  it('stores its bytes and returns the number of rows; the same file is the same dataset', async () => {
    const path = await file('ok.csv', `${HEADER}\nc1,+14155550101,2026-01-01,confirmed\nbroken\n`);
    const seen: number[] = [];
    const staged = await made().client.stageFile(path, { onProgress: (bytes) => seen.push(bytes) });
    expect(staged.rows).toBe(2);
    expect(seen.at(-1)).toBe(staged.bytes);
    expect((await made().client.stageFile(path)).source).toEqual(staged.source);
  });

  it.each([
    ['missing.csv', null],
    ['empty.csv', ''],
    ['header.csv', `${HEADER}\n`],
    ['binary.csv', Buffer.from([0, 1, 2, 255, 0])],
    ['quote.csv', `${HEADER}\n"c1,+14155550101,2026-01-01,confirmed\n`],
    ['list.json', '[]'],
    ['cut.json', '[{"contactId":"c1"},'],
    ['latin.csv', Buffer.from(`${HEADER}\nZo\u00eb,+14155550101,2026-01-01,confirmed\n`, 'latin1')],
    ['twice.csv', 'contactId,contactId\n1,2\n'],
    ['what.xlsx', 'x'],
  ])('that cannot be read is not stored: %s', async (name, content) => {
    const path = content === null ? join(folder, name) : await file(name, content);
    const before = await datasets();
    await expect(made().client.stageFile(path)).rejects.toBeInstanceOf(SourceError);
    expect(await datasets()).toBe(before);
  });

  it('in another encoding is staged as the same text in UTF-8, and is the same dataset', async () => {
    const text = `${HEADER}\nZo\u00eb,+14155550101,2026-01-01,confirmed\n`;
    const { client } = made();
    const staged = await client.stageFile(await file('8.csv', text));
    const wide = await client.stageFile(await file('16.csv', Buffer.from(`\ufeff${text}`, 'utf16le')));
    const latin = await file('1252.csv', Buffer.from(text, 'latin1'));
    const latinStaged = await client.stageFile(latin, { encoding: 'windows-1252' });
    expect([staged.encoding, wide.encoding, latinStaged.encoding]).toEqual([
      'utf-8',
      'utf-16le',
      'windows-1252',
    ]);
    expect(wide.source).toEqual(staged.source);
    expect(latinStaged.source).toEqual(staged.source);
  });

  it('that changes while it is read is not stored', async () => {
    const rows = upTo(4_000).map((n) => `c${n},+1415555${String(n).padStart(4, '0')},2026-01-01,confirmed`);
    const path = await file('changing.csv', `${HEADER}\n${rows.join('\n')}\n`);
    const before = await datasets();
    const onProgress = () => {
      // The first block has been read already, so the second reading finds another one.
      const handle = openSync(path, 'r+');
      writeSync(handle, 'x', HEADER.length + 1);
      closeSync(handle);
    };
    const staging = made().client.stageFile(path, { onProgress });
    await expect(staging).rejects.toThrow(/changing\.csv: the file was changed while it was read/);
    expect(await datasets()).toBe(before);
  });

  it('without the required columns is not stored, and the error names them', async () => {
    const path = await file('columns.csv', 'name,tel\nann,+14155550101\n');
    const before = await datasets();
    const problems = await problemsOf(made().client.stageFile(path, { operation: 'contactImport' }));
    expect(problems.join('\n')).toMatch(/contactId.*phone/s);
    expect(await datasets()).toBe(before);
  });

  it('with a map to an unknown field is refused, even for rows without a header', async () => {
    const path = await file('rows.ndjson', '{"contactId": "c1"}\n');
    const before = await datasets();
    expect(
      (
        await problemsOf(made().client.stageFile(path, { operation: 'contactImport', map: { fone: 'tel' } }))
      ).join(),
    ).toContain('fone');
    expect(await datasets()).toBe(before);
  });

  it('of rows that end with an error stores nothing', async () => {
    const broken = async function* () {
      yield { contactId: 'c1' };
      await Promise.resolve();
      throw new Error('the service is gone');
    };
    const before = await datasets();
    await expect(made().client.stageRows(broken())).rejects.toThrow('the service is gone');
    expect(await datasets()).toBe(before);
  });
});

describe('a request', () => {
  it('about a run that does not exist throws RunNotFound', async () => {
    const { client } = made();
    await expect(client.progress('none')).rejects.toBeInstanceOf(RunNotFound);
    await expect(client.decide('none', { action: 'approve' })).rejects.toBeInstanceOf(RunNotFound);
    await expect(client.result('none')).rejects.toBeInstanceOf(RunNotFound);
  });

  it('without a worker throws NoWorkerAnswered', async () => {
    const { runId } = await start({ listId: 'L1', source: (await stage()).source });
    await expect(made().client.progress(runId)).rejects.toBeInstanceOf(NoWorkerAnswered);
  });
});
