/** Compares cxflow with other contenders, interleaved, so that other load on the machine affects all of them alike. */
import { sql } from 'kysely';
import { type Contender, startContender } from './contender.ts';
import { type Cxflow, connectCxflow } from './cxflow.ts';
import { type Pids, peakMegabytes, residentMegabytes, type Usage, watchMachine } from './machine.ts';
import type { Options, Peer } from './options.ts';
import { dropDatabase, type Servers, withServers } from './servers.ts';

/** The sequential loop is timed for some seconds only, because its speed stays the same. */
const SEQUENTIAL_RECORDS = { withLatency: 3_000, without: 20_000 };
const WARM_UP_RECORDS = 3_000;

export interface Setting {
  readonly records: number;
  readonly latencyMs: number;
  readonly concurrency: number;
}

export interface Measured {
  readonly contender: string;
  readonly recordsPerSecond: number;
  readonly usage: Usage;
  /** Of the contender's own process, since its start. */
  readonly peakMegabytes: number;
  /** Of the servers, right after the measurement. PostgreSQL's shared buffers count once. */
  readonly serverMegabytes: { readonly postgres: number; readonly temporal: number; readonly vendor: number };
  /** For cxflow only: the events in the history, and the times from the approval to the first claim and to the result. */
  readonly events?: number;
  readonly startMs?: number;
  readonly wholeMs?: number;
}

export interface Round extends Setting {
  readonly round: number;
  readonly measured: readonly Measured[];
}

/** Calls `onRound` after each round. */
export async function measureThroughput(options: Options, onRound: (round: Round) => void): Promise<void> {
  await withServers(async (servers) => {
    for (const records of options.sizes)
      for (const latencyMs of options.latenciesMs)
        for (const concurrency of options.concurrencies)
          await measureSetting(servers, options, { records, latencyMs, concurrency }, onRound);
  });
}

/** A contender in one setting. */
interface ConfiguredContender {
  readonly name: string;
  readonly pid: number;
  /** How many of the records it writes. */
  readonly records: number;
  run(
    runNo: number,
    records: number,
  ): Promise<Omit<Measured, 'contender' | 'usage' | 'peakMegabytes' | 'serverMegabytes'>>;
}

async function measureSetting(
  servers: Servers,
  options: Options,
  setting: Setting,
  onRound: (round: Round) => void,
): Promise<void> {
  const databaseUrl = await servers.newDatabase();
  const worker = await servers.startWorker({
    databaseUrl,
    inFlight: setting.concurrency,
    profile: options.profile,
  });
  const cxflow = await connectCxflow(servers, databaseUrl);
  await sql`create table bench_outcomes (like outcomes including all)`.execute(cxflow.database.db);
  const env = { DATABASE_URL: databaseUrl, VENDOR_URL: servers.vendor.url };
  const bare = await startContender('bare.ts', env);
  const peers = await startPeers(options.peers, env);
  try {
    const others = configureContenders(setting, bare, peers);
    await warmUp(servers, cxflow, others);
    for (let round = 1; round <= options.rounds; round += 1) {
      const measured = await measureRound({ servers, cxflow, worker, setting, others, round });
      onRound({ ...setting, round, measured });
    }
  } finally {
    await Promise.all([bare, ...peers.values()].map((each) => each.end()));
    await servers.stopWorker(worker);
    await cxflow.close();
    await dropDatabase(servers, databaseUrl);
  }
}

async function startPeers(
  names: readonly Peer[],
  env: { DATABASE_URL: string; VENDOR_URL: string },
): Promise<Map<string, Contender>> {
  const peers = new Map<string, Contender>();
  for (const name of names) peers.set(name, await startContender(`peers/${name}.mjs`, env));
  return peers;
}

function configureContenders(
  setting: Setting,
  bare: Contender,
  peers: ReadonlyMap<string, Contender>,
): ConfiguredContender[] {
  const { records, latencyMs, concurrency } = setting;
  const few = Math.min(records, SEQUENTIAL_RECORDS[latencyMs > 0 ? 'withLatency' : 'without']);
  const configure = (
    name: string,
    program: Contender,
    most: number,
    atOnce: number,
  ): ConfiguredContender => ({
    name,
    pid: program.pid,
    records: most,
    run: async (runNo, count) => {
      const { ms } = await program.run({ runNo, records: count, concurrency: atOnce });
      return { recordsPerSecond: (count / ms) * 1000 };
    },
  });
  return [
    configure('bare', bare, records, concurrency),
    configure('sequential', bare, few, 1),
    ...[...peers].map(([name, peer]) => configure(name, peer, records, concurrency)),
  ];
}

/** Lets all contenders compile their code and open their connections before anything is timed. */
async function warmUp(
  servers: Servers,
  cxflow: Cxflow,
  others: readonly ConfiguredContender[],
): Promise<void> {
  const prepared = await cxflow.prepare(WARM_UP_RECORDS);
  for (const other of others) {
    await reset(servers, cxflow, 0);
    await other.run(prepared.runNo, WARM_UP_RECORDS);
  }
  await reset(servers, cxflow, 0);
  await cxflow.write(prepared);
}

interface RoundSetup {
  readonly servers: Servers;
  readonly cxflow: Cxflow;
  readonly worker: { readonly pid: number };
  readonly setting: Setting;
  readonly others: readonly ConfiguredContender[];
  readonly round: number;
}

async function measureRound(given: RoundSetup): Promise<Measured[]> {
  const { servers, cxflow, worker, setting, others, round } = given;
  const prepared = await cxflow.prepare(setting.records);
  const ours: ConfiguredContender = {
    name: 'cxflow',
    pid: worker.pid,
    records: setting.records,
    run: async () => {
      const { ms, result, ...rest } = await cxflow.write(prepared);
      if (result.counts.created !== setting.records) throw new Error(`cxflow: ${JSON.stringify(result)}`);
      return { recordsPerSecond: (setting.records / ms) * 1000, ...rest };
    },
  };
  // Each round begins with another contender.
  const all = [...others, ours];
  const order = all.map((_, i) => all[(i + round) % all.length] as ConfiguredContender);
  const measured: Measured[] = [];
  for (const contender of order)
    measured.push(await measureOne(servers, cxflow, worker, contender, prepared.runNo, setting));
  return measured;
}

async function measureOne(
  servers: Servers,
  cxflow: Cxflow,
  worker: { readonly pid: number },
  contender: ConfiguredContender,
  runNo: number,
  { latencyMs }: Setting,
): Promise<Measured> {
  await reset(servers, cxflow, latencyMs);
  const pids: Pids = {
    own: [contender.pid],
    ...(contender.pid === worker.pid ? {} : { worker: [worker.pid] }),
    postgres: [servers.postgres.pid],
    temporal: [servers.temporal.pid],
    vendor: [servers.vendor.pid],
    bench: [process.pid],
  };
  const usageSince = watchMachine(pids);
  const figures = await contender.run(runNo, contender.records);
  const usage = usageSince();
  const { records } = await servers.vendor.order({});
  if (records !== contender.records)
    throw new Error(`${contender.name}: the vendor has ${records} records, not ${contender.records}`);
  const serverMegabytes = {
    postgres: residentMegabytes(servers.postgres.pid),
    temporal: residentMegabytes(servers.temporal.pid),
    vendor: residentMegabytes(servers.vendor.pid),
  };
  const peak = peakMegabytes(contender.pid);
  return { contender: contender.name, ...figures, usage, peakMegabytes: peak, serverMegabytes };
}

/** Removes the results of earlier contenders. */
async function reset({ vendor }: Servers, { database }: Cxflow, latencyMs: number): Promise<void> {
  await sql`truncate bench_outcomes`.execute(database.db);
  await vendor.order({ reset: true, latencyMs, ratePerMinute: 0 });
}
