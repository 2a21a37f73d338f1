/** Kills the only worker with kill -9 in the middle of a run and immediately starts another, as a supervisor would. */
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { stopProcess } from '../src/stack/processes.ts';
import { type Cxflow, connectCxflow } from './cxflow.ts';
import type { Options } from './options.ts';
import { type Servers, withServers } from './servers.ts';

const IN_FLIGHT = 16;
const LATENCY_MS = 50;

export interface KillFigures {
  /** From the kill to the next claim. */
  readonly gapMs: number;
  /** Writes that were claimed again because they were in flight. */
  readonly claimedAgain: number;
  /** Those that CXone had already applied and therefore answered with 409. */
  readonly refusedAsDuplicate: number;
  /** The number of records in CXone, and of those that are there according to the ledger, whoever created them. */
  readonly applied: number;
  readonly settled: number;
}

export async function measureKill(options: Options): Promise<KillFigures[]> {
  const figures: KillFigures[] = [];
  await withServers(async (servers) => {
    for (let round = 1; round <= options.rounds; round += 1)
      figures.push(await killOnce(servers, options.sizes[0] ?? 0));
  });
  return figures;
}

async function killOnce(servers: Servers, records: number): Promise<KillFigures> {
  const databaseUrl = await servers.newDatabase();
  const settings = { databaseUrl, inFlight: IN_FLIGHT };
  const victim = await servers.startWorker(settings);
  const cxflow = await connectCxflow(servers, databaseUrl);
  const { runId, runNo } = await cxflow.prepare(records);
  await servers.vendor.order({ reset: true, latencyMs: LATENCY_MS });
  await cxflow.approve(runId);
  while ((await servers.vendor.order({})).records < records / 3) await delay(20);
  const killedAt = Date.now();
  await stopProcess(victim.pid, 'SIGKILL', 5_000);
  const successor = await servers.startWorker(settings);
  const result = await cxflow.client.result(runId);
  const vendor = await servers.vendor.order({});
  const claims = await measureClaims(cxflow, runNo, killedAt);
  await servers.stopWorker(successor);
  await cxflow.close();
  return {
    ...claims,
    refusedAsDuplicate: vendor.repeated,
    applied: vendor.records,
    settled: (result.counts.created ?? 0) + (result.counts.existing ?? 0),
  };
}

async function measureClaims({ database }: Cxflow, runNo: number, killedAt: number) {
  const { rows } = await sql<{ next: number; again: number }>`
    select min(extract(epoch from sent_at)::float * 1000)
        filter (where extract(epoch from sent_at) * 1000 > ${killedAt}) as next,
      count(*) filter (where attempts > 1)::int as again
    from writes where run_no = ${runNo}`.execute(database.db);
  const [{ next, again } = { next: 0, again: 0 }] = rows;
  return { gapMs: Math.round(next - killedAt), claimedAgain: again };
}
