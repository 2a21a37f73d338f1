/** The clock of the ledger, the only one that all workers share. */
import type { Database } from './database.ts';

export async function readClock({ pool }: Database): Promise<Date> {
  const { rows } = await pool.query<{ now: Date }>('select clock_timestamp() as now');
  const [row] = rows;
  if (!row) throw new Error('the database returned no row');
  return row.now;
}
