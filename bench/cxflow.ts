/** cxflow as a contender: an import that waits for its approval is staged and planned; what is timed is the writing. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { writeDemoContacts } from '../src/cli/demo-contacts.ts';
import { connect, type CxflowClient } from '../src/client.ts';
import type { RunResult, Source } from '../src/contract/run.ts';
import { type Database, openDatabase } from '../src/ledger/database.ts';
import type { Stand } from './stand.ts';

export interface Prepared {
  readonly runId: string;
  readonly runNo: number;
}

export interface Written {
  /** From the first claim to the last outcome that was committed: what the others do, and nothing else. */
  readonly ms: number;
  /** From the approval to the first claim: what it takes until a decision has become a request. */
  readonly startMs: number;
  /** From the approval to the result: with what opens and closes the writing. */
  readonly wholeMs: number;
  readonly events: number;
  readonly result: RunResult;
}

export interface Cxflow {
  readonly client: CxflowClient;
  readonly database: Database;
  /** Up to the approval. The same rows every time; each run has a list of its own. */
  prepare(records: number): Promise<Prepared>;
  approve(runId: string): Promise<void>;
  /** From the approval to the end. */
  write(prepared: Prepared): Promise<Written>;
  /** When a run's first write was claimed and its last one settled, by PostgreSQL's clock: that of this machine. */
  writingOf(runNo: number): Promise<{ readonly from: number; readonly to: number }>;
  close(): Promise<void>;
}

export async function connectCxflow(stand: Stand, databaseUrl: string): Promise<Cxflow> {
  const env = { TEMPORAL_ADDRESS: stand.temporal.address };
  const client = await connect({ databaseUrl, env });
  const database = openDatabase(databaseUrl, 2);
  const sources = new Map<number, Source>();
  let runs = 0;

  const sourceOf = async (records: number): Promise<Source> => {
    const known = sources.get(records);
    if (known) return known;
    const path = join(stand.folder, `contacts-${records}.csv`);
    await writeDemoContacts({ path, rows: records, badShare: 0 });
    const { source } = await client.stageFile(path);
    await rm(path);
    sources.set(records, source);
    return source;
  };
  const writingOf = async (runNo: number): Promise<{ from: number; to: number }> => {
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
    writingOf,
    async prepare(records) {
      const source = await sourceOf(records);
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
      const { from, to } = await writingOf(runNo);
      const startMs = from - startedAt;
      return { ms: to - from, startMs, wholeMs: endedAt - startedAt, events: historyLength, result };
    },
    async close() {
      await client.close();
      await database.close();
    },
  };
}
