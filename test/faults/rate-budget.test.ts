/** One rate budget for all workers of a tenant, and a 429 that holds for all of them (decisions.md 17). */
import { expect, it } from 'vitest';
import { DecisionRefused } from '../../src/client.ts';
import { useProcesses } from '../harness/processes.ts';
import { holders, mostWithin, writesOf } from './looking.ts';
import { onStand, type Stand, until } from './stand.ts';

const processes = useProcesses();
const RECORDS = { family: 'contactlists' } as const;

it('two workers together keep to one budget: no 429 in fifteen seconds of writing', async () => {
  // 600 a minute, watched over each 5 seconds; a tenth more, for the moments that a request is under way.
  const simulatorArgs = ['--rate-per-minute', '660', '--rate-window-seconds', '5'];
  const options = { simulatorArgs, latencyMs: 150, env: { CXFLOW_RATE_PER_MINUTE: '600' } };
  await onStand(processes, options, async (stand) => {
    await Promise.all([stand.readyWorker(), stand.readyWorker()]);
    const runIds = await importsOfBoth(stand, 10_000);
    await until(
      () => writesOf(stand),
      (writes) => writes.length >= 150,
      40_000,
    );
    expect((await stand.admin.stats()).rateLimited).toBe(0);
    for (const runId of runIds) await cancelled(stand, runId);
    // Paced, not counted: no bursts at the borders of any window.
    expect(mostWithin(await writesOf(stand), 2_000)).toBeLessThanOrEqual(20 + 5);
  });
});

/** Which worker a page goes to is Temporal's choice: imports are started until both have written. */
async function importsOfBoth(stand: Stand, records: number): Promise<string[]> {
  const runIds: string[] = [];
  for (let n = 1; n <= 3 || (await holders(stand)) < 2; n += 1) {
    if (n > 20) throw new Error('twenty imports, and one worker wrote them all');
    runIds.push(await stand.startImport(records, { listId: `L${n}` }));
    if (n >= 3)
      await until(
        () => writesOf(stand),
        (writes) => writes.length >= 5 * n,
        40_000,
      );
  }
  return runIds;
}

/** A run that was faster is complete. */
async function cancelled(stand: Stand, runId: string): Promise<void> {
  await stand
    .client()
    .decide(runId, { action: 'cancel' })
    .catch((error: unknown) => {
      expect(error).toBeInstanceOf(DecisionRefused);
    });
  const result = await stand.ended(runId, 30_000);
  await stand.conserved(runId, { result, state: result.state });
}

it('a 429 with Retry-After holds for both workers: nothing leaves inside the window', async () => {
  const faults = [{ match: RECORDS, after: 30, times: 1, fault: { status: 429, retryAfter: 5 } }];
  const env = { CXFLOW_MAX_IN_FLIGHT: '4' };
  await onStand(processes, { faults, latencyMs: 100, env }, async (stand) => {
    await Promise.all([stand.readyWorker(), stand.readyWorker()]);
    for (const runId of await importsOfBoth(stand, 8_000)) {
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
    }
    const writes = await writesOf(stand);
    const refused = writes.find(({ status }) => status === 429);
    const from = Date.parse(refused?.at ?? '');
    // Claims of the moment before the refusal was known everywhere may still leave.
    const inside = writes.map(({ at }) => Date.parse(at) - from).filter((ms) => ms > 600 && ms < 5_000);
    expect(inside, 'milliseconds after the 429').toEqual([]);
    expect(writes.filter(({ at }) => Date.parse(at) - from >= 5_000).length).toBeGreaterThan(10);
  });
});
