/**
 * Writes one batch, for the bare script and for every peer: reads its 100 records from the ledger's table, POSTs them,
 * parses the answer and inserts 100 outcomes in one transaction. As fast as Node can without a framework: node:http with
 * persistent connections, named statements, a single insert.
 */
import http from 'node:http';
import pg from 'pg';
import { post } from './http.ts';

export const RECORDS_PER_BATCH = 100;

export interface BatchDeps {
  readonly databaseUrl: string;
  readonly vendorUrl: string;
  readonly connections: number;
}

export function createBatches({ databaseUrl, vendorUrl, connections }: BatchDeps) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections });
  const agent = new http.Agent({ keepAlive: true, scheduling: 'lifo' });

  return {
    /** `batch` counts from 1. */
    async write(runNo: number, batch: number): Promise<void> {
      const { rows } = await pool.query<{ seq: number; record: unknown }>({
        name: 'read',
        text: 'select seq, record from records where run_no = $1 and seq between $2 and $3 order by seq',
        values: [runNo, (batch - 1) * RECORDS_PER_BATCH + 1, batch * RECORDS_PER_BATCH],
      });
      const body = JSON.stringify({ records: rows.map(({ record }) => record) });
      const url = `${vendorUrl}/api/v2/contactlists/bare-${runNo}/records`;
      const { recordsCreated } = JSON.parse(await post(agent, url, body)) as { recordsCreated: number };
      if (recordsCreated !== rows.length)
        throw new Error(`${recordsCreated} of ${rows.length} were created; was the vendor reset?`);
      await pool.query({
        name: 'write',
        text: `insert into bench_outcomes (run_no, seq, outcome) select $1, seq, 'created' from unnest($2::int[]) seq`,
        values: [runNo, rows.map(({ seq }) => seq)],
      });
    },

    pool,
    close: async (): Promise<void> => {
      agent.destroy();
      await pool.end();
    },
  };
}

export type Batches = ReturnType<typeof createBatches>;
