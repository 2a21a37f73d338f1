import { expect, it } from 'vitest';
import { Superseded } from '../../src/ledger/fence.ts';
import type { OpenRun } from '../../src/ledger/runs/runs.ts';
import { inProcesses, ledgerOfFile, plannedRun, someId } from './harness.ts';

const opened = ledgerOfFile();

const failure = { type: 'ExecutionEnded', message: 'terminated' };
const request = (runId: string, execution?: OpenRun['execution']): OpenRun => ({
  ...{ runId, kind: 'contactImport', target: 'L1', again: false, dryRun: false, requestedBy: null },
  input: { listId: 'L1' },
  ...(execution && { execution }),
});

it('a run whose execution has ended is closed once, as failed, with its audit entry, and claims stop', async () => {
  const { runs, audit } = opened().ledger;
  const runId = someId('run');
  const { run } = await runs.open(request(runId, { namespace: 'n1', id: 'e1' }));
  const [executing] = await runs.listExecuting('n1', 0, 10);
  expect(executing).toEqual({ runId, runNo: run.run_no, executionId: 'e1' });
  const close = () => runs.closeEnded({ runNo: run.run_no, executionId: 'e1', closedAt: null, failure });
  expect((await Promise.all([close(), close(), close()])).filter(Boolean)).toEqual([true]);
  expect(await runs.get(runId)).toMatchObject({
    state: 'failed',
    phase: 'done',
    steering: 'stopped',
    failure,
  });
  expect(await runs.listExecuting('n1', 0, 10)).toEqual([]);
  await audit.seal();
  const actions = [];
  for await (const { action, data } of audit.list(runId)) actions.push([action, data]);
  expect(actions.slice(1)).toEqual([['run_closed', { state: 'failed', failure }]]);
});

it('the open writes of a run whose execution has completed are in doubt: the ledger was restored', async () => {
  const { ledger } = opened();
  const run = await plannedRun(ledger, 20, 10);
  await ledger.runs.reopen({ ...request(run.run_id, { namespace: 'n9', id: 'e1' }) });
  const ended = { runNo: run.run_no, executionId: 'e1', closedAt: null, failure, hasCompleted: true };
  expect(await ledger.runs.closeEnded(ended)).toBe(true);
  expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 20, pending: 0, in_doubt: 20 });
  expect((await ledger.runs.get(run.run_id)).restored_at).toBeInstanceOf(Date);
  expect(await ledger.runs.closeEnded(ended)).toBe(false);
});

it('a run that another execution has opened since is left alone', async () => {
  const { runs } = opened().ledger;
  const runId = someId('run');
  const { run } = await runs.open(request(runId, { namespace: 'n2', id: 'e1' }));
  const again = request(runId, { namespace: 'n2', id: 'e2' });
  expect((await runs.open(again)).kind).toBe('reopened');
  await runs.reopen(again);
  expect(await runs.closeEnded({ runNo: run.run_no, executionId: 'e1', closedAt: null, failure })).toBe(
    false,
  );
  expect(await runs.get(runId)).toMatchObject({ state: 'running', steering: 'go', failure: null });
});

it('only running runs of the namespace are listed, without runs of unknown executions', async () => {
  const { runs } = opened().ledger;
  const ids = [someId('run'), someId('run'), someId('run'), someId('run')] as const;
  const { run } = await runs.open(request(ids[0], { namespace: 'n3', id: 'e1' }));
  await runs.close(run.run_no, 'completed', null, null);
  await runs.open(request(ids[1], { namespace: 'other', id: 'e1' }));
  await runs.open(request(ids[2]));
  await runs.open(request(ids[3], { namespace: 'n3', id: 'e2' }));
  expect((await runs.listExecuting('n3', 0, 10)).map(({ runId }) => runId)).toEqual([ids[3]]);
});

it('attempts of an ended execution are superseded, and a later start succeeds', async () => {
  const { runs } = opened().ledger;
  const runId = someId('run');
  const first = { ...request(runId, { namespace: 'n4', id: 'e1' }), attempt: 1_000 };
  const { run } = await runs.open(first);
  const stale = await runs.takeOver(runId, 2_000);
  const runNo = run.run_no;
  expect(await runs.closeEnded({ runNo, executionId: 'e1', closedAt: 3_000, failure })).toBe(true);
  await expect(runs.close(stale, 'completed', null, null)).rejects.toThrow(Superseded);
  await expect(runs.takeOver(runId, 3_000)).rejects.toThrow(Superseded);
  await expect(runs.reopen({ ...first, attempt: 3_000 })).rejects.toThrow(Superseded);
  await expect(runs.steer(runNo, 'go', 3_000)).rejects.toThrow(Superseded);
  await runs.setPhase(runNo, 'writing', null, 3_000);
  expect(await runs.get(runId)).toMatchObject({ state: 'failed', phase: 'done', steering: 'stopped' });

  await runs.reopen({ ...request(runId, { namespace: 'n4', id: 'e2' }), attempt: 3_001 });
  expect(await runs.takeOver(runId, 3_001)).toMatchObject({ state: 'running', steering: 'go' });
});

it('all earlier attempts are superseded if the execution ended at an unknown time', async () => {
  const { runs } = opened().ledger;
  const runId = someId('run');
  const { run } = await runs.open({ ...request(runId, { namespace: 'n5', id: 'e1' }), attempt: 1_000 });
  const stale = await runs.takeOver(runId, 2_000);
  expect(await runs.closeEnded({ runNo: run.run_no, executionId: 'e1', closedAt: null, failure })).toBe(true);
  await expect(runs.close(stale, 'completed', null, null)).rejects.toThrow(Superseded);
  expect((await runs.takeOver(runId, 2_001)).state).toBe('failed');
});

it('executing runs are listed page by page, and earlier executions from the newest on', async () => {
  const { runs } = opened().ledger;
  const numbers: number[] = [];
  for (const id of ['e1', 'e2', 'e3'])
    numbers.push((await runs.open(request(someId('run'), { namespace: 'n6', id }))).run.run_no);
  const [first = 0, , third = 0] = numbers;
  await runs.close(first, 'completed', null, null);
  const ids = (list: readonly { executionId: string }[]) => list.map(({ executionId }) => executionId);
  expect(ids(await runs.listExecuting('n6', 0, 1))).toEqual(['e2']);
  expect(ids(await runs.listExecuting('n6', first + 1, 10))).toEqual(['e3']);
  expect(ids(await runs.listEarlierExecutions('n6', third, 10))).toEqual(['e2', 'e1']);
  expect(ids(await runs.listEarlierExecutions('n6', third, 1))).toEqual(['e2']);
});

it('only one process at a time watches executions', async () => {
  const { runs } = opened().ledger;
  const others: boolean[] = [];
  const watched = await runs.watchAlone(async () => {
    others.push(
      ...(await inProcesses(opened(), 4, (ledger) => ledger.runs.watchAlone(() => Promise.resolve()))),
    );
  });
  expect([watched, others]).toEqual([true, [false, false, false, false]]);
  expect(await runs.watchAlone(() => Promise.resolve())).toBe(true);
});
