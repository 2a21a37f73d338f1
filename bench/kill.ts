/** kill -9 of the one worker in the middle of a run; another one is started at once, as a supervisor would. */
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { stopProcess } from '../src/stack/processes.ts';
import { connectCxflow, type Cxflow } from './cxflow.ts';
import type { Options } from './options.ts';
import { onStand, type Stand } from './stand.ts';

const IN_FLIGHT = 16;
const LATENCY_MS = 50;

export interface KillFigures {
  /** From the kill to the next claim. */
  readonly gapMs: number;
  /** Writes that were claimed a second time: what was in flight. */
  readonly claimedAgain: number;
  /** Of those, what CXone had applied already and answered with 409. */
  readonly refusedAsDuplicate: number;
  /** Records that CXone holds, and that the ledger calls created. */
  readonly applied: number;
  readonly created: number;
}

export async function measureKill(options: Options): Promise<KillFigures[]> {
  const figures: KillFigures[] = [];
  await onStand(async (stand) => {
    for (let round = 1; round <= options.rounds; round += 1)
      figures.push(await killOnce(stand, options.sizes[0] ?? 0));
  });
  return figures;
}

async function killOnce(stand: Stand, records: number): Promise<KillFigures> {
  const databaseUrl = await stand.newDatabase();
  const settings = { databaseUrl, inFlight: IN_FLIGHT };
  const victim = await stand.startWorker(settings);
  const cxflow = await connectCxflow(stand, databaseUrl);
  const { runId, runNo } = await cxflow.prepare(records);
  await stand.vendor.order({ reset: true, latencyMs: LATENCY_MS });
  await cxflow.approve(runId);
  while ((await stand.vendor.order({})).records < records / 3) await delay(20);
  const killedAt = Date.now();
  await stopProcess(victim.pid, 'SIGKILL', 5_000);
  const heir = await stand.startWorker(settings);
  const result = await cxflow.client.result(runId);
  const vendor = await stand.vendor.order({});
  const claims = await claimsOf(cxflow, runNo, killedAt);
  await stand.endWorker(heir);
  await cxflow.close();
  return {
    ...claims,
    refusedAsDuplicate: vendor.repeated,
    applied: vendor.records,
    created: result.counts.created ?? 0,
  };
}

async function claimsOf({ database }: Cxflow, runNo: number, killedAt: number) {
  const { rows } = await sql<{ next: number; again: number }>`
    select min(extract(epoch from sent_at)::float * 1000)
        filter (where extract(epoch from sent_at) * 1000 > ${killedAt}) as next,
      count(*) filter (where attempts > 1)::int as again
    from writes where run_no = ${runNo}`.execute(database.db);
  const [{ next, again } = { next: 0, again: 0 }] = rows;
  return { gapMs: Math.round(next - killedAt), claimedAgain: again };
}
