/**
 * Adds an operation without touching src: its files are in this folder, and each registry except that of the command line
 * gets one more entry. It shows everything that "Add an operation" in CONTRIBUTING.md requires; the engine does the rest.
 */
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { mostUnsettled } from '../../src/activities/engine/rate-limiter.ts';
import { createClientFor } from '../../src/client.ts';
import { onStand, type Stand, until, untilApplied } from '../faults/stand.ts';
import { type TestProcess, useProcesses } from '../harness/processes.ts';
import { type CallbackRequestResult, callbackRequest } from './contract.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
const RECORDS = 400;
const [IN_FLIGHT, RECORDS_PER_BATCH] = [2, 10];

const processes = useProcesses();
let worker: TestProcess | undefined;

afterEach(async () => {
  await worker?.kill();
});

async function startWorker({ env }: Stand): Promise<void> {
  worker = processes.run(process.execPath, ['--import', 'tsx', WORKER], { env });
  await worker.waitFor(/worker is ready/);
}

function callbacks() {
  return Array.from({ length: RECORDS }, (_, i) => ({
    contactId: `callback-${i}`,
    phone: `+1415555${String(1_000 + i)}`,
  }));
}

it('an operation outside src runs end to end, and kill -9 loses no record and writes none twice', async () => {
  const env = { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT) };
  await onStand(processes, { latencyMs: 500, env }, async (stand) => {
    const { temporal, ledger } = stand.client();
    const client = createClientFor({ temporal, ledger, operations: { callbackRequest } });
    const { source } = await client.stageRows(callbacks());
    await startWorker(stand);

    const { runId } = await client.startCallbackRequest({ listId: 'L1', source, approval: true });
    const { planHash } = await until(
      () => client.progress(runId),
      ({ phase }) => phase === 'awaiting_approval',
    );
    await client.decide(runId, { action: 'approve', by: 'dana', planHash: planHash ?? '' });
    await untilApplied(stand, 50);
    await worker?.kill();
    await startWorker(stand);

    const result = await client.result<CallbackRequestResult>(runId);
    expect(result).toMatchObject({ kind: 'callbackRequest', counts: { total: RECORDS } });
    const { created = 0, existing = 0 } = result.counts;
    expect(created + existing).toBe(RECORDS);
    // CXone has what was not settled when the worker was killed, and nobody can tell since when.
    expect(existing).toBeLessThanOrEqual(mostUnsettled(IN_FLIGHT) * RECORDS_PER_BATCH);
    await stand.conserved(runId, { result });
    expect(await ledger.metrics.byOperation({ since: null, kind: 'callbackRequest' })).toMatchObject([
      { runs: 1, records: RECORDS, outcomes: { created }, checked: RECORDS, violations: 0 },
    ]);
    expect(await client.startCallbackRequest({ listId: 'L1', source })).toMatchObject({ status: 'finished' });
  });
});

it('an unknown field of the input is refused', async () => {
  await onStand(processes, {}, async (stand) => {
    const { temporal, ledger } = stand.client();
    const client = createClientFor({ temporal, ledger, operations: { callbackRequest } });
    const input = { listId: 'L1', source: { dataset: 'd' }, dedupe: 'phone' };
    await expect(client.startCallbackRequest(input)).rejects.toThrow(/dedupe is not a field of this input/);
  });
});
