/** Under the vendor's limit, by two workers together: how much of it is used in every full minute, and at what cost. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectCxflow } from './cxflow.ts';
import { peakMegabytes, watchMachine } from './machine.ts';
import type { Options } from './options.ts';
import { onStand } from './stand.ts';

const RATE_PER_MINUTE = 1_000;
const RECORDS_PER_BATCH = 100;
const MINUTE_MS = 60_000;
/** More than the minutes that are counted: the run must not end in them. */
const SPARE_MINUTES = 1;

export interface LimitFigures {
  /** Requests that the vendor let in, minute by minute from the first on. */
  readonly minutes: readonly number[];
  /** Answered with 429 by a vendor that allows 1,000 in any 60 s. */
  readonly refused: number;
  readonly cpuPercent: Readonly<Record<string, number>>;
  readonly foreignPercent: number;
  readonly peakMegabytes: readonly number[];
}

export async function measureLimit({ minutes, profile }: Options): Promise<LimitFigures> {
  return onStand(async (stand) => {
    const databaseUrl = await stand.newDatabase();
    const settings = { databaseUrl, inFlight: 16, ratePerMinute: RATE_PER_MINUTE, profile };
    const workers = [await stand.startWorker(settings), await stand.startWorker(settings)];
    const cxflow = await connectCxflow(stand, databaseUrl);
    const records = (minutes + SPARE_MINUTES) * RATE_PER_MINUTE * RECORDS_PER_BATCH;
    const { runId } = await cxflow.prepare(records);
    await stand.vendor.order({ reset: true, latencyMs: 50, ratePerMinute: RATE_PER_MINUTE });
    await cxflow.approve(runId);
    // What a start costs is over by then.
    await delay(5_000);
    const [first, second] = workers.map(({ pid }) => pid);
    const usageSince = watchMachine({
      'worker 1': [first ?? 0],
      'worker 2': [second ?? 0],
      postgres: [stand.postgres.pid],
      temporal: [stand.temporal.pid],
      vendor: [stand.vendor.pid],
      bench: [process.pid],
    });
    await delay(minutes * MINUTE_MS);
    const usage = usageSince();
    const { arrivals, refused } = await stand.vendor.order({});
    await cxflow.client.decide(runId, { action: 'cancel', by: 'bench' });
    await cxflow.client.result(runId);
    await cxflow.close();
    return {
      minutes: fullMinutes(arrivals, minutes),
      refused,
      cpuPercent: usage.cpu,
      foreignPercent: usage.foreign,
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
