/** cxflow as a contender. Staging and planning an import up to its approval is not timed; the writing is. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { writeDemoContacts } from '../src/cli/dev/demo-contacts.ts';
import { type CxflowClient, connect } from '../src/client.ts';
import type { RunResult, Source } from '../src/contract/run.ts';
import { type Database, openDatabase } from '../src/ledger/database.ts';
import type { Servers } from './servers.ts';

export interface Prepared {
  readonly runId: string;
  readonly runNo: number;
}

export interface Written {
  /** From the first claim to the last committed outcome, which is the work that the other contenders do. */
  readonly ms: number;
  /** From the approval to the first claim. */
  readonly startMs: number;
  /** From the approval to the result. */
  readonly wholeMs: number;
  readonly events: number;
  readonly result: RunResult;
}

export interface Cxflow {
  readonly client: CxflowClient;
  readonly database: Database;
  /** Starts an import and waits until it needs its approval. All runs have the same rows; each has its own list. */
  prepare(records: number): Promise<Prepared>;
  approve(runId: string): Promise<void>;
  /** Approves the run and waits for its result. */
  write(prepared: Prepared): Promise<Written>;
  /** When the first write was claimed and the last one settled, by PostgreSQL's clock, which is this machine's. */
  measureWriting(runNo: number): Promise<{ readonly from: number; readonly to: number }>;
  close(): Promise<void>;
}

export async function connectCxflow(servers: Servers, databaseUrl: string): Promise<Cxflow> {
  const env = { TEMPORAL_ADDRESS: servers.temporal.address };
  const client = await connect({ databaseUrl, env });
  const database = openDatabase(databaseUrl, 2);
  const sources = new Map<number, Source>();
  let runs = 0;

  const stageSource = async (records: number): Promise<Source> => {
    const known = sources.get(records);
    if (known) return known;
    const path = join(servers.folder, `contacts-${records}.csv`);
    await writeDemoContacts({ path, rows: records, badShare: 0 });
    const { source } = await client.stageFile(path);
    await rm(path);
    sources.set(records, source);
    return source;
  };
  const measureWriting = async (runNo: number): Promise<{ from: number; to: number }> => {
    const { rows } = await sql<{ from: number; to: number }>`
      select extract(epoch from min(sent_at))::float * 1000 as "from",
        extract(epoch from max(settled_at))::float * 1000 as "to"
      from writes where run_no = ${runNo}`.execute(database.db);
    return rows[0] ?? { from: 0, to: 0 };
  };
  const approve = async (runId: string): Promise<void> => {
    await client.decide(runId, { action: 'approve', by: 'bench' });
  };

  return {
    client,
    database,
    approve,
    measureWriting,
    async prepare(records) {
      const source = await stageSource(records);
      runs += 1;
      const input = { listId: `L${runs}`, source, approval: true, again: true };
      const { runId } = await client.startContactImport(input);
      for (;;) {
        const run = await client.ledger.runs.find(runId);
        if (run?.phase === 'awaiting_approval') return { runId, runNo: run.run_no };
        if (run && run.state !== 'running') throw new Error(`${runId} ${run.state}: ${JSON.stringify(run)}`);
        await delay(50);
      }
    },
    async write({ runId, runNo }) {
      const startedAt = Date.now();
      await approve(runId);
      const result = await client.result(runId);
      const endedAt = Date.now();
      const { historyLength } = await client.temporal.workflow.getHandle(runId).describe();
      const { from, to } = await measureWriting(runNo);
      const startMs = from - startedAt;
      return { ms: to - from, startMs, wholeMs: endedAt - startedAt, events: historyLength, result };
    },
    async close() {
      await client.close();
      await database.close();
    },
  };
}
