/**
 * `npm run bench:audit -- --entries 1000000`: how long it takes to seal, verify, export and prove entries of the audit. Starts a
 * PostgreSQL of its own. docs/benchmarks.md has the figures.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { verifyChain } from '../src/ledger/audit/chain.ts';
import { openDatabase } from '../src/ledger/database.ts';
import { openLedger } from '../src/ledger/ledger.ts';
import { formatExported, proveEntry, readExported } from '../src/queries/audit-files.ts';
import { createDatabase, startPostgres } from '../src/stack/postgres.ts';
import { removeFolder } from './servers.ts';
import { timed } from './timed.ts';

const { values } = parseArgs({ options: { entries: { type: 'string', default: '100000' } } });
const ENTRIES = Number(values.entries);
/** As a run of a million records in batches of 100. */
const ENTRIES_PER_RUN = 10_000;

const folder = await mkdtemp(join(tmpdir(), 'cxflow-bench-'));
const postgres = await startPostgres({ dir: join(folder, '.cxflow') });
try {
  const url = await createDatabase(postgres.url, 'audit');
  const [ledger, database] = [openLedger(url), openDatabase(url, 1)];
  await ledger.migrate();
  await database.pool.query(
    `insert into audit_pending (run_id, action, data)
      select 'run-' || i / ${ENTRIES_PER_RUN}, 'batch_settled', json_build_object('batch', i, 'writeId', i, 'status', 'success',
        'latencyMs', i % 400, 'bodySha256', repeat('0123456789abcdef', 4), 'counts', json_build_object('created', 100))
      from generate_series(1, $1::int) i`,
    [ENTRIES],
  );
  await timed(`sealed ${ENTRIES} entries`, async () => {
    while ((await ledger.audit.seal()) > 0);
  });
  const verdict = await timed('verified in the ledger', () => ledger.audit.verify());
  if (verdict.finding || verdict.entries !== ENTRIES) throw new Error(JSON.stringify(verdict));
  async function* lines() {
    for await (const entry of ledger.audit.list()) yield formatExported(entry);
  }
  const exported = await timed('exported and verified the export', () => verifyChain(readExported(lines())));
  if (exported.head !== verdict.head) throw new Error('the export has another head');
  const receipt = await timed(`proved an entry of a run with ${ENTRIES_PER_RUN}`, () =>
    proveEntry(ledger.audit, Math.ceil(ENTRIES_PER_RUN / 2)),
  );
  console.log(`its receipt: ${JSON.stringify(receipt).length} bytes`);
  console.log(`peak memory: ${Math.round(process.resourceUsage().maxRSS / 1_024)} MB`);
  await ledger.close();
  await database.close();
} finally {
  await postgres.stop();
  await removeFolder(folder);
}
