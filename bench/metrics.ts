/**
 * `npm run bench:metrics -- --writes 1000000`: how long the governance metrics take over that many settled writes in runs of
 * 1,000 writes, from what is stored with each run, and computed from the writes. Starts a PostgreSQL of its own.
 * docs/benchmarks.md has the figures.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase } from '../src/ledger/database.ts';
import { openLedger } from '../src/ledger/ledger.ts';
import { createDatabase, startPostgres } from '../src/stack/postgres.ts';
import { removeFolder } from './servers.ts';

const { values } = parseArgs({ options: { writes: { type: 'string', default: '100000' } } });
const WRITES = Number(values.writes);
const WRITES_PER_RUN = 1_000;
const RUNS = Math.ceil(WRITES / WRITES_PER_RUN);

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  console.log(`${what}: ${((performance.now() - began) / 1_000).toFixed(3)} s`);
  return result;
}

const folder = await mkdtemp(join(tmpdir(), 'cxflow-bench-'));
const postgres = await startPostgres({ dir: join(folder, '.cxflow') });
try {
  const url = await createDatabase(postgres.url, 'metrics');
  const [ledger, database] = [openLedger(url), openDatabase(url, 1)];
  const { pool } = database;
  await ledger.migrate();
  await timed(`inserted ${WRITES} writes of 100 records in ${RUNS} runs`, async () => {
    await pool.query(
      `insert into runs (run_id, kind, target, again, dry_run, state, phase, input, total, staged_through, staged_counts,
        started_at, finished_at)
      select 'run-' || i, 'contactImport', 'L1', false, false, 'running', 'writing', '{}', $2, $2, '{"invalid": 7}',
        now() - i * interval '1 hour', now() from generate_series(1, $1::int) i`,
      [RUNS, WRITES_PER_RUN * 100 + 7],
    );
    for (let run = 1; run <= RUNS; run += 1)
      await pool.query(
        `insert into writes (run_no, batch, kind, state, seqs, attempts, http_status, latency_ms, sent_at, settled_at, counts)
        select $1, i, 'create', 'settled', array(select generate_series((i - 1) * 100 + 1, i * 100)), 1, 200,
          20 + floor(-60 * ln(1 - random())), now(), now(), '{"created": 100}' from generate_series(1, $2::int) i`,
        [run, WRITES_PER_RUN],
      );
    await pool.query('analyze');
  });
  const { rows } = await pool.query<{ size: string }>(
    `select pg_size_pretty(pg_total_relation_size('writes')) as size`,
  );
  console.log('size of the writes', rows[0]?.size);
  const all = { since: null, kind: null };
  await timed('sums, computed from the writes', () => ledger.metrics.byOperation(all));
  await timed('closing one run, its measures included', () => ledger.runs.close(1, 'completed', null, null));
  for (let run = 2; run < RUNS; run += 1) await ledger.runs.close(run, 'completed', null, null);
  await pool.query('vacuum analyze runs');
  for (let round = 1; round <= 3; round += 1)
    await timed('sums, all runs but one stored', () => ledger.metrics.byOperation(all));
  await timed('log of 100 runs', () => ledger.metrics.log(all, 100));
  const since = new Date(Date.now() - 7 * 86_400_000);
  await timed('sums of the last seven days', () => ledger.metrics.byOperation({ ...all, since }));
  await timed('of one run that is running', () => ledger.metrics.ofRun(RUNS));
  await ledger.close();
  await database.close();
} finally {
  await postgres.stop();
  await removeFolder(folder);
}
