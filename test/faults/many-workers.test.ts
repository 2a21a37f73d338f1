/** Many workers, with every run started twice and every signal delivered twice. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type TestProcess, useProcesses } from '../harness/processes.ts';
import { countActions, listHolders } from './observe.ts';
import { chooseSeed, createRandom, hurry, onStand, until, untilApplied } from './stand.ts';

const processes = useProcesses();

it('eight imports, each started twice, complete although three workers are killed and one is suspended', async () => {
  const random = createRandom(chooseSeed(20266));
  const faults = [
    { match: { family: 'contactlists' as const }, probability: 0.1, fault: { reset: 'after' as const } },
  ];
  const env = { CXFLOW_MAX_IN_FLIGHT: '2' };
  await onStand(processes, { faults, latencyMs: 500, env }, async (stand) => {
    const workers = await Promise.all(Array.from({ length: 8 }, () => stand.readyWorker()));
    const lists = Array.from({ length: 8 }, (_, n) => `L${n + 1}`);
    const starts = lists.flatMap((listId) => [listId, listId]);
    const started = await Promise.all(starts.map((listId) => stand.startImport(1_500, { listId })));
    const runIds = [...new Set(started)];
    expect(runIds.length, 'runs, one for each list').toBe(8);
    await untilApplied(stand, 2_000);
    // Workers that are writing come first, because Temporal may give the pages to only a few of the workers.
    const writers = await listHolders(stand);
    const isWriter = ({ pid }: TestProcess) => writers.some((holder) => holder.endsWith(`:${pid}`));
    const shuffled = workers.toSorted(() => random(-1, 1));
    const [suspended, ...killed] = shuffled
      .toSorted((a, b) => Number(isWriter(b)) - Number(isWriter(a)))
      .slice(0, 4);
    suspended?.pause();
    await Promise.all(killed.map((worker) => worker.kill()));
    await delay(6_000);
    suspended?.resume();
    await hurry(stand);
    const results = await Promise.all(runIds.map((runId) => stand.ended(runId)));
    for (const [n, runId] of runIds.entries()) await stand.conserved(runId, { result: results[n] as never });
    expect((await listHolders(stand)).length, 'workers that wrote').toBeGreaterThanOrEqual(2);
  });
});

it('an approval, a pause and a resume take effect once each although they are delivered twice', async () => {
  await onStand(processes, { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '2' } }, async (stand) => {
    const worker = await stand.readyWorker();
    const runId = await stand.startImport(3_000, { approval: true });
    const handle = stand.client().temporal.workflow.getHandle(runId);
    const waiting = await until(
      () => stand.client().progress(runId),
      ({ phase }) => phase === 'awaiting_approval',
    );
    const approval = { by: 'dana', planHash: waiting.planHash ?? '' };
    await Promise.all([handle.signal('approve', approval), handle.signal('approve', approval)]);
    await untilApplied(stand, 500);
    const pause = (updateId: string) =>
      handle.executeUpdate('decide', { updateId, args: [{ action: 'pause', by: 'dana' }] });
    // First the same message, sent again because its answer was lost; then the same decision in a new message.
    await pause('pause-1');
    await worker.kill();
    await stand.readyWorker();
    expect(await pause('pause-1')).toMatchObject({ phase: 'paused' });
    await expect(pause('pause-2')).rejects.toThrow();
    await hurry(stand);
    await Promise.all([handle.signal('resume', { by: 'dana' }), handle.signal('resume', { by: 'dana' })]);
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
    const { approve, pause: paused, resume, steering_refused } = await countActions(stand, runId);
    expect({ approve, paused, resume, steering_refused }).toEqual({
      approve: 1,
      paused: 1,
      resume: 1,
      steering_refused: 2,
    });
  });
});
