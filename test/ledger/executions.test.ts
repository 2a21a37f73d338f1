import { expect, it } from 'vitest';
import type { OpenRun } from '../../src/ledger/runs/runs.ts';
import { ledgerOfFile, someId } from './harness.ts';

const opened = ledgerOfFile();

const failure = { type: 'ExecutionEnded', message: 'terminated' };
const asked = (runId: string, execution?: OpenRun['execution']): OpenRun => ({
  ...{ runId, kind: 'contactImport', target: 'L1', again: false, dryRun: false, requestedBy: null },
  input: { listId: 'L1' },
  ...(execution && { execution }),
});

it('a run whose execution has ended is closed once, as failed, with its audit entry, and claims stop', async () => {
  const { runs, audit } = opened().ledger;
  const runId = someId('run');
  const { run } = await runs.open(asked(runId, { namespace: 'n1', id: 'e1' }));
  const [executing] = await runs.listExecuting('n1');
  expect(executing).toEqual({ runId, runNo: run.run_no, executionId: 'e1' });
  const close = () => runs.closeEnded({ runNo: run.run_no, executionId: 'e1', failure });
  expect((await Promise.all([close(), close(), close()])).filter(Boolean)).toEqual([true]);
  expect(await runs.get(runId)).toMatchObject({
    state: 'failed',
    phase: 'done',
    steering: 'stopped',
    failure,
  });
  expect(await runs.listExecuting('n1')).toEqual([]);
  await audit.seal();
  const actions = [];
  for await (const { action, data } of audit.list(runId)) actions.push([action, data]);
  expect(actions.slice(1)).toEqual([['run_closed', { state: 'failed', failure }]]);
});

it('a run that another execution has opened since is left alone', async () => {
  const { runs } = opened().ledger;
  const runId = someId('run');
  const { run } = await runs.open(asked(runId, { namespace: 'n2', id: 'e1' }));
  const again = asked(runId, { namespace: 'n2', id: 'e2' });
  expect((await runs.open(again)).kind).toBe('reopened');
  await runs.reopen(again);
  expect(await runs.closeEnded({ runNo: run.run_no, executionId: 'e1', failure })).toBe(false);
  expect(await runs.get(runId)).toMatchObject({ state: 'running', steering: 'go', failure: null });
});

it('only running runs of the namespace are listed: neither ended ones nor those of unknown executions', async () => {
  const { runs } = opened().ledger;
  const ids = [someId('run'), someId('run'), someId('run'), someId('run')] as const;
  const { run } = await runs.open(asked(ids[0], { namespace: 'n3', id: 'e1' }));
  await runs.close(run.run_no, 'completed', null, null);
  await runs.open(asked(ids[1], { namespace: 'other', id: 'e1' }));
  await runs.open(asked(ids[2]));
  await runs.open(asked(ids[3], { namespace: 'n3', id: 'e2' }));
  expect((await runs.listExecuting('n3')).map(({ runId }) => runId)).toEqual([ids[3]]);
});
