/** Pauses, resumes and cancels a long run at full speed: how soon a decision takes effect, and which requests follow it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { SteeringAction } from '../src/contract/steering.ts';
import { type Cxflow, connectCxflow } from './cxflow.ts';
import type { Options } from './options.ts';
import { type Servers, withServers } from './servers.ts';

const LATENCY_MS = 50;

export interface SteerFigures {
  readonly action: SteeringAction;
  /** Until the decision was acknowledged. */
  readonly answeredMs: number;
  /** Until the last request reached the vendor; for resume, until the first. */
  readonly effectMs: number;
  /** Requests that reached the vendor after the acknowledgement; at most as many as may be in flight. */
  readonly requestsAfterAnswer: number;
}

export interface Steered {
  readonly steered: readonly SteerFigures[];
  readonly created: number;
  readonly cancelled: number;
  /** The number of records that the vendor has. */
  readonly applied: number;
}

export async function measureSteer({ sizes, concurrencies }: Options): Promise<Steered> {
  return withServers(async (servers) => {
    const databaseUrl = await servers.newDatabase();
    await servers.startWorker({ databaseUrl, inFlight: concurrencies[0] ?? 16 });
    const cxflow = await connectCxflow(servers, databaseUrl);
    const { runId } = await cxflow.prepare(sizes[0] ?? 0);
    await servers.vendor.order({ reset: true, latencyMs: LATENCY_MS });
    await cxflow.approve(runId);
    const steered: SteerFigures[] = [];
    for (const action of ['pause', 'resume', 'pause', 'resume', 'cancel'] as const) {
      await delay(2_000);
      steered.push(await steer(servers, cxflow, runId, action));
    }
    const { counts } = await cxflow.client.result(runId);
    const { records } = await servers.vendor.order({});
    await cxflow.close();
    return { steered, created: counts.created ?? 0, cancelled: counts.cancelled ?? 0, applied: records };
  });
}

async function steer(
  { vendor }: Servers,
  { client }: Cxflow,
  runId: string,
  action: SteeringAction,
): Promise<SteerFigures> {
  const sentAt = Date.now();
  await client.decide(runId, { action, by: 'bench' });
  const answeredAt = Date.now();
  await delay(2_000);
  const { arrivals } = await vendor.order({});
  const since = arrivals.filter((at) => at >= sentAt);
  const effectAt = (action === 'resume' ? since[0] : since.at(-1)) ?? sentAt;
  return {
    action,
    answeredMs: answeredAt - sentAt,
    effectMs: effectAt - sentAt,
    requestsAfterAnswer: action === 'resume' ? 0 : since.filter((at) => at > answeredAt).length,
  };
}
