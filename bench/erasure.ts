/**
 * `npm run bench:erasure -- --rows 3000000`: how long an erasure takes in a ledger of that many records, and what the word
 * filters cost while records are staged. Starts a PostgreSQL of its own. docs/benchmarks.md has the figures.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase } from '../src/ledger/database.ts';
import { type Ledger, openLedger } from '../src/ledger/ledger.ts';
import type { StagedRecord } from '../src/ledger/runs/records.ts';
import { createWordFilter } from '../src/ledger/words.ts';
import { createDatabase, startPostgres } from '../src/stack/postgres.ts';
import { removeFolder } from './servers.ts';
import { timed } from './timed.ts';

const { values } = parseArgs({ options: { rows: { type: 'string', default: '100000' } } });
const ROWS = Number(values.rows);
const ROWS_PER_RUN = 500_000;
const ROWS_PER_CHUNK = 2_000;

const guid = (n: number): string => `a1b2c3d4-e5f6-7890-abcd-${n.toString(16).padStart(12, '0')}`;

function toRecord(n: number, seq: number): StagedRecord {
  const phone = `+1${String(2_000_000_000 + n)}`;
  const fields = {
    ...{ contactId: guid(n), phone, firstName: `First${n % 5_000}`, lastName: `Last${n % 40_000}` },
    ...{ street: `${n % 9_000} Main Street`, city: `City ${n % 3_000}`, email: `person${n}@example.org` },
    ...{ customerNo: String(70_000_000 + n), consentTimestamp: '2026-01-01', optInStatus: 'confirmed' },
    note: `called on 2026-02-${String((n % 28) + 1)}, asked for offer ${n * 7}`,
  };
  const record = {
    contactId: fields.contactId,
    phoneNumbers: [{ type: 'mobile', number: phone }],
    customFields: fields,
  };
  return { seq, line: seq + 1, fields, record, key1: fields.contactId, key2: phone, reasons: null };
}

/** Milliseconds spent on word filters alone, by building them once more. */
let filterMs = 0;

async function stageRun(ledger: Ledger, from: number, rows: number): Promise<void> {
  const { run } = await ledger.runs.open({
    ...{ runId: `run-${from}`, kind: 'contactImport', target: 'L1', again: false, dryRun: false },
    ...{ requestedBy: null, input: { listId: 'L1', source: { dataset: 'none' } } },
  });
  for (let seq = 1; seq <= rows; seq += ROWS_PER_CHUNK) {
    const chunk = Array.from({ length: Math.min(ROWS_PER_CHUNK, rows - seq + 1) }, (_, i) =>
      toRecord(from + seq + i, seq + i),
    );
    const texts = chunk.flatMap(({ fields, key1 }) => [JSON.stringify(fields), key1 ?? '']);
    const began = performance.now();
    createWordFilter(texts);
    filterMs += performance.now() - began;
    await ledger.records.stage(run.run_no, chunk);
  }
  await ledger.records.finishStaging(run.run_no);
  await ledger.runs.close(run.run_no, 'completed', null, null);
}

const folder = await mkdtemp(join(tmpdir(), 'cxflow-bench-'));
const postgres = await startPostgres({ dir: join(folder, '.cxflow') });
try {
  const url = await createDatabase(postgres.url, 'erasure');
  const [ledger, database] = [openLedger(url), openDatabase(url, 1)];
  await ledger.migrate();
  await timed(`staged ${ROWS} records`, async () => {
    for (let from = 0; from < ROWS; from += ROWS_PER_RUN)
      await stageRun(ledger, from, Math.min(ROWS_PER_RUN, ROWS - from));
  });
  console.log(`of which word filters: ${(filterMs / 1_000).toFixed(2)} s`);
  const { rows } = await database.pool.query<{ records: string; filters: string }>(
    `select pg_size_pretty(pg_total_relation_size('records')) as records,
      pg_size_pretty(pg_total_relation_size('record_blocks')) as filters`,
  );
  console.log('size', rows[0]);
  const erase = (contactId: string) =>
    ledger.erasures.erase({
      erasureId: `erasure-${contactId}`,
      contactId,
      objectedAt: new Date().toISOString(),
      requestedBy: null,
    });
  for (const n of [Math.ceil(ROWS / 3), Math.ceil(ROWS / 2)]) {
    const { records } = await timed('an erasure', () => erase(guid(n)));
    if (records !== 1) throw new Error(`${records} records were erased instead of one`);
  }
  await timed('an erasure of somebody who is not in it', () => erase(guid(ROWS * 2)));
  await database.pool.query('truncate record_blocks');
  await timed('an erasure without filters, which reads every row', () => erase(guid(Math.ceil(ROWS / 4))));
  await ledger.close();
  await database.close();
} finally {
  await postgres.stop();
  await removeFolder(folder);
}
