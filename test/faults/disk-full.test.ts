/** The disk is full when PostgreSQL has to store the outcome of a request that CXone has applied. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { postgresOnSmallDisk } from '../harness/full-disk.ts';
import { useProcesses } from '../harness/processes.ts';
import { onStand, until, untilApplied } from './stand.ts';

const processes = useProcesses();

it('a full disk delays an import, which settles what it had sent once there is space again', async () => {
  const disk = await postgresOnSmallDisk();
  const env = { CXFLOW_MAX_IN_FLIGHT: '4' };
  await onStand(processes, { databaseUrl: disk.url, latencyMs: 200, env }, async (stand) => {
    const worker = await stand.readyWorker();
    const runId = await stand.startImport(8_000);
    await untilApplied(stand, 1_000);
    await disk.fill();
    const readLog = () => Promise.resolve(readFileSync(disk.logFile, 'utf8'));
    await until(readLog, (log) => disk.errorPattern.test(log));
    await delay(3_000);
    await disk.free();
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
    expect(await Promise.race([worker.exited, delay(0, 'alive')])).toBe('alive');
  });
});
