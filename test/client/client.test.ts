import { describe, expect, it } from 'vitest';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import { contactImportOptions } from '../../src/contract/contact-import.ts';
import type { Source } from '../../src/contract/run.ts';
import { businessKey } from '../../src/ledger/runs/business-key.ts';
import { retryContentSha256 } from '../../src/ledger/runs/retries.ts';
import { record, someId, upTo } from '../ledger/harness.ts';
import { clientOfFile, problemsOf } from './harness.ts';

const made = clientOfFile();

const rows = () => [{ contactId: someId('c'), phone: '+14155550101' }];
const stage = () => made().client.stageRows(rows());
const start = (input: ContactImportInput, runId?: string) =>
  made().client.startContactImport(input, runId === undefined ? {} : { runId });

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

describe('starting a selection update', () => {
  const campaignId = someId('C');
  const input = { campaignId, change: { add: { targetListIds: ['L7'] } } };
  const update = (more: { again?: boolean } = {}) =>
    made().client.startSelectionUpdate({ ...input, ...more });

  it('finds the run that is open or failed, also with `again`; after any other it is the next run', async () => {
    const { ledger, temporal } = made();
    const { runId, status } = await update();
    expect(status).toBe('started');
    const more = { again: false, dryRun: false, requestedBy: null, input };
    const { run } = await ledger.runs.open({ runId, kind: 'selectionUpdate', target: campaignId, ...more });
    for (const again of [false, true])
      expect(await update({ again })).toEqual({ runId, status: 'running', result: null });
    await temporal.workflow.getHandle(runId).terminate('for the test');
    await ledger.runs.close(run.run_no, 'failed', null, null);
    expect(await update({ again: true })).toMatchObject({ runId, status: 'started' });
    await ledger.runs.close(run.run_no, 'completed', null, null);
    expect(await update({ again: true })).toMatchObject({ runId: `${runId}:2`, status: 'started' });
  });
});
