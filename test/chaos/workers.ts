/** The workers of a seed, which are killed, terminated, suspended and restarted. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Stand } from '../faults/stand.ts';
import type { TestProcess } from '../harness/processes.ts';

export type Workers = Awaited<ReturnType<typeof startWorkers>>;

/** Workers are numbered from 1, as in the plan. */
export async function startWorkers(stand: Stand, count: number) {
  const env = { CRM_WEBHOOK_URL: stand.admin.webhookUrl('crm') };
  const processes: TestProcess[] = [];
  const restarts: Promise<unknown>[] = [];
  const get = (worker: number): TestProcess => processes[worker - 1] as TestProcess;
  const start = (worker: number): void => void (processes[worker - 1] = stand.worker(env));
  for (let worker = 1; worker <= count; worker += 1) start(worker);
  await Promise.all(processes.map((process) => process.waitFor(/worker is ready/)));
  const later = (ms: number, action: () => unknown): void => void restarts.push(delay(ms).then(action));
  return {
    async kill(worker: number, downMs: number) {
      await get(worker).kill();
      later(downMs, () => start(worker));
    },
    async terminate(worker: number, downMs: number) {
      // A suspended process does not receive SIGTERM.
      get(worker).resume();
      await get(worker).terminate();
      later(downMs, () => start(worker));
    },
    suspend(worker: number, downMs: number) {
      const suspended = get(worker);
      suspended.pause();
      later(downMs, () => suspended.resume());
    },
    /** Resolves once all workers have been restarted and resumed. */
    allRestarted: () => Promise.all(restarts),
  };
}
