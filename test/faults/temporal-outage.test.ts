/** Temporal is killed and restarted; a worker starts before its servers. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { ownPostgres, ownTemporal } from '../harness/servers.ts';
import { chooseSeed, createRandom, hurry, onStand, until } from './stand.ts';

const processes = useProcesses();

it('the same worker completes an import although Temporal is killed three times', async () => {
  const random = createRandom(chooseSeed(20264));
  const temporal = await ownTemporal();
  const options = {
    temporalAddress: temporal.current().address,
    latencyMs: 1_000,
    env: { CXFLOW_MAX_IN_FLIGHT: '2' },
  };
  await onStand(processes, options, async (stand) => {
    const worker = await stand.readyWorker();
    const runId = await stand.startImport(10_000);
    for (let kills = 0; kills < 3; kills += 1) {
      const { applied } = await stand.admin.health();
      await until(stand.admin.health, (now) => now.applied > applied);
      await delay(random(300, 800));
      await temporal.kill();
      await delay(random(300, 1_500));
      await temporal.restart();
    }
    await hurry(stand);
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
    expect(await Promise.race([worker.exited, delay(0, 'alive')])).toBe('alive');
    expect(worker.stderr()).toBe('');
  });
});

it('a worker that starts before Temporal and PostgreSQL waits for them', async () => {
  const [temporal, postgres] = await Promise.all([ownTemporal(), ownPostgres()]);
  const options = {
    temporalAddress: temporal.current().address,
    databaseUrl: postgres.current().url,
    isDown: true,
  };
  await Promise.all([temporal.kill(), postgres.kill()]);
  await onStand(processes, options, async (stand) => {
    const worker = stand.worker();
    await worker.waitFor(/waiting for the database/);
    await postgres.restart();
    await worker.waitFor(/waiting for Temporal/);
    await temporal.restart();
    await worker.waitFor(/worker is ready/);
    await stand.connect();
    const runId = await stand.startImport(1_000);
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
  });
});
