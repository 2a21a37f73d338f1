/** Two workers under the vendor's rate limit: how much of it they use in each full minute, and at what cost. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectCxflow } from './cxflow.ts';
import { peakMegabytes, watchMachine } from './machine.ts';
import type { Options } from './options.ts';
import { withServers } from './servers.ts';

const RATE_PER_MINUTE = 1_000;
const RECORDS_PER_BATCH = 100;
const MINUTE_MS = 60_000;
/** The run must not end within the minutes that are counted. */
const SPARE_MINUTES = 1;

export interface LimitFigures {
  /** Requests that the vendor admitted in each minute since the first request. */
  readonly minutes: readonly number[];
  /** Requests answered with 429 by a vendor that allows 1,000 in any 60 s. */
  readonly refused: number;
  readonly cpuPercent: Readonly<Record<string, number>>;
  readonly otherPercent: number;
  readonly peakMegabytes: readonly number[];
}

export async function measureLimit({ minutes, profile }: Options): Promise<LimitFigures> {
  return withServers(async (servers) => {
    const databaseUrl = await servers.newDatabase();
    const settings = { databaseUrl, inFlight: 16, ratePerMinute: RATE_PER_MINUTE, profile };
    const workers = [await servers.startWorker(settings), await servers.startWorker(settings)];
    const cxflow = await connectCxflow(servers, databaseUrl);
    const records = (minutes + SPARE_MINUTES) * RATE_PER_MINUTE * RECORDS_PER_BATCH;
    const { runId } = await cxflow.prepare(records);
    await servers.vendor.order({ reset: true, latencyMs: 50, ratePerMinute: RATE_PER_MINUTE });
    await cxflow.approve(runId);
    // Do not measure the cost of starting the run.
    await delay(5_000);
    const [first, second] = workers.map(({ pid }) => pid);
    const usageSince = watchMachine({
      'worker 1': [first ?? 0],
      'worker 2': [second ?? 0],
      postgres: [servers.postgres.pid],
      temporal: [servers.temporal.pid],
      vendor: [servers.vendor.pid],
      bench: [process.pid],
    });
    await delay(minutes * MINUTE_MS);
    const usage = usageSince();
    const { arrivals, refused } = await servers.vendor.order({});
    await cxflow.client.decide(runId, { action: 'cancel', by: 'bench' });
    await cxflow.client.result(runId);
    await cxflow.close();
    return {
      minutes: fullMinutes(arrivals, minutes),
      refused,
      cpuPercent: usage.cpu,
      otherPercent: usage.other,
      peakMegabytes: workers.map(({ pid }) => peakMegabytes(pid)),
    };
  });
}

function fullMinutes(arrivals: readonly number[], minutes: number): number[] {
  const [first = 0] = arrivals;
  return Array.from(
    { length: minutes },
    (_, minute) =>
      arrivals.filter((at) => at >= first + minute * MINUTE_MS && at < first + (minute + 1) * MINUTE_MS)
        .length,
  );
}
