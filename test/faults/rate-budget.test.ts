/** The workers of a tenant share one rate budget, and a 429 blocks all of them (docs/adr/0015-rate-budget.md). */
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import { connect } from '../../src/client.ts';
import { freshNamespace } from '../harness/fresh.ts';
import { useProcesses } from '../harness/processes.ts';
import { claimable, listHolders, listRequests } from './observe.ts';
import { hurry, onStand, type Stand, until } from './stand.ts';
import { resultOf, unlessStuck } from './stuck.ts';

const processes = useProcesses();

/**
 * Starts two imports and a worker for each, in their own namespaces. Within one namespace, Temporal might give all pages to one
 * worker. Both use the same ledger, and so the same budget. Neither import starts before both workers are ready; on a slow
 * machine it might otherwise have ended by then.
 */
async function startWriters(stand: Stand, records: number) {
  const starts = await Promise.all(['L1', 'L2'].map((listId) => prepareWriter(stand, listId, records)));
  return Promise.all(starts.map((start) => start()));
}

async function prepareWriter(stand: Stand, listId: string, records: number) {
  const env = { ...stand.env, TEMPORAL_NAMESPACE: freshNamespace() };
  const client = await connect({ databaseUrl: stand.databaseUrl, env });
  onTestFinished(() => client.close());
  await stand.readyWorker(env);
  const path = join(stand.folder, `${listId}.csv`);
  await writeDemoContacts({ path, rows: records });
  const { source } = await client.stageFile(path);
  return async () => ({ client, runId: (await client.startContactImport({ listId, source })).runId });
}

type Writer = Awaited<ReturnType<typeof startWriters>>[number];

async function expectEnd(stand: Stand, { client, runId }: Writer): Promise<void> {
  const result = await unlessStuck(resultOf(client, runId), { client, runId, what: 'the run to end' });
  await stand.conserved(runId, { result, state: result.state });
}

it('two workers share one rate budget', async () => {
  const perSecond = 10;
  const env = { CXFLOW_RATE_PER_MINUTE: String(60 * perSecond) };
  await onStand(processes, { latencyMs: 150, env }, async (stand) => {
    const writers = await startWriters(stand, 20_000);
    await until(
      () => listRequests(stand),
      ({ length }) => length >= 160,
    );
    // As signals, which nobody has to answer: the workers are busy.
    for (const { client, runId } of writers)
      await client.temporal.workflow.getHandle(runId).signal('cancel', { by: 'dana' });
    for (const each of writers) await expectEnd(stand, each);
    expect(await listHolders(stand), 'workers that wrote').toHaveLength(2);
    const times = (await listRequests(stand)).map(({ at }) => Date.parse(at)).sort((a, b) => a - b);
    const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
    // Allows for three more seconds in case the first request left late. With a budget each it would be twice as many.
    expect(times.length).toBeLessThanOrEqual(perSecond * (seconds + 3));
    // On a busy machine some requests leave late and seem too close to the next, so compare requests half the list apart.
    const half = Math.floor(times.length / 2);
    const spans = times.slice(half).map((at, i) => (at - (times[i] ?? 0)) / 1_000);
    const typical = spans.toSorted((a, b) => a - b)[Math.floor(spans.length / 2)] ?? 0;
    expect(half / typical, 'requests per second').toBeLessThan(1.05 * perSecond);
  });
});

it('a 429 with Retry-After blocks the requests of both workers', async () => {
  const maxInFlight = 4;
  const env = { CXFLOW_MAX_IN_FLIGHT: String(maxInFlight) };
  await onStand(processes, { latencyMs: 500, env }, async (stand) => {
    const writers = await startWriters(stand, 8_000);
    await until(
      () => listHolders(stand),
      ({ length }) => length === 2,
    );
    const fault = { status: 429, retryAfter: 5 };
    await stand.admin.setFaults([{ match: { family: 'contactlists' }, times: 1, fault }]);
    const refusal = async () => (await listRequests(stand)).find(({ status }) => status === 429);
    const refused = await until(refusal, (found) => found !== undefined);
    await hurry(stand);
    for (const each of writers) await expectEnd(stand, each);
    const from = Date.parse(refused?.at ?? '');
    const after = (await listRequests(stand)).map(({ at }) => Date.parse(at) - from);
    // What was claimed before the 429 arrived may still leave, late if the machine is busy.
    const early = after.filter((ms) => ms > 0 && ms < 5_000);
    expect(early.length, 'requests within the wait').toBeLessThanOrEqual(claimable(2, maxInFlight));
    expect(after.filter((ms) => ms >= 5_000).length).toBeGreaterThan(10);
  });
});
