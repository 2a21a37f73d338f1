/** A ledger with its own database, and runs that are staged without activities. */

import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll } from 'vitest';
import type { Outcome } from '../../src/domain/run.ts';
import { type Database, type Executor, openDatabase } from '../../src/ledger/database.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { StagedRecord } from '../../src/ledger/runs/records.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { SettledGroup, Settlement } from '../../src/ledger/writes/settlements.ts';
import { freshDatabase } from '../harness/fresh.ts';
import { until } from '../harness/wait.ts';

export interface Opened {
  readonly url: string;
  readonly ledger: Ledger;
  /** For what the port does not offer: inspecting and damaging rows. */
  readonly database: Database;
}

/** Opens a ledger before the tests of a file and closes it after them; a pool that does not close fails the file. */
export function ledgerOfFile(maxConnections = 24): () => Opened {
  let opened: Opened | undefined;
  beforeAll(async () => {
    const url = await freshDatabase();
    opened = { url, ledger: openLedger(url, maxConnections), database: openDatabase(url, 4) };
    await opened.ledger.migrate();
  });
  afterAll(async () => {
    await opened?.ledger.close();
    await opened?.database.close();
  });
  return () => {
    if (!opened) throw new Error('the ledger is opened in beforeAll');
    return opened;
  };
}

/** Without digits, because messages leave out what may be a phone number. */
export function someId(prefix: string): string {
  const letters = randomBytes(5)
    .toString('hex')
    .replace(/\d/g, (digit) => 'ghjkmnpqrs'.charAt(Number(digit)));
  return `${prefix}-${letters}`;
}

let contacts = 0;
/** The GUID of a contact that no other test of the file has. */
export function newContact(): string {
  contacts += 1;
  return `a1b2c3d4-0000-0000-0000-${String(contacts).padStart(12, '0')}`;
}

export async function openRun(
  ledger: Ledger,
  more: { input?: unknown; runId?: string; kind?: string; dryRun?: boolean } = {},
): Promise<Run> {
  const { run } = await ledger.runs.open({
    runId: more.runId ?? someId('run'),
    kind: more.kind ?? 'contactImport',
    target: 'L1',
    again: false,
    dryRun: more.dryRun ?? false,
    requestedBy: null,
    input: more.input ?? { listId: 'L1', source: { dataset: 'none' } },
  });
  return run;
}

/** As a client that starts the same run again. */
export async function startAgain({ runs }: Ledger, run: Run): Promise<Run> {
  await runs.reopen({
    runId: run.run_id,
    kind: run.kind,
    target: run.target,
    again: run.again,
    dryRun: run.dry_run,
    requestedBy: null,
    input: run.input,
  });
  return runs.get(run.run_id);
}

export function record(seq: number, more: Partial<StagedRecord> = {}): StagedRecord {
  return {
    seq,
    line: seq + 1,
    fields: { contactId: `c${seq}` },
    record: contact(seq),
    key1: `c${seq}`,
    key2: phone(seq),
    reasons: null,
    ...more,
  };
}

export const phone = (seq: number): string => `+1415555${String(seq).padStart(4, '0')}`;

export function contact(seq: number) {
  return {
    contactId: `c${seq}`,
    phoneNumbers: [{ type: 'mobile', number: phone(seq) }],
    customFields: {},
    consentTimestamp: '2026-01-01T00:00:00.000Z',
    optInStatus: 'confirmed',
  };
}

export const invalid = (seq: number): StagedRecord =>
  record(seq, { record: null, key1: null, key2: null, reasons: [{ code: 'phone_missing' }] });

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1);

/** A run of `n` valid records in batches of `size`. */
export async function plannedRun(ledger: Ledger, n: number, size = 100, input?: unknown): Promise<Run> {
  const run = await openRun(ledger, { input });
  await ledger.records.stage(
    run.run_no,
    upTo(n).map((seq) => record(seq)),
  );
  await ledger.records.finishStaging(run.run_no);
  await ledger.writes.plan(run.run_no, 'create', size);
  return run;
}

/** The whole row, to check that a call has changed nothing. */
export async function readWrite({ database }: Opened, id: string) {
  return database.db.selectFrom('writes').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

/** The first write of a new run of `n` records. */
export async function plannedWrite(ledger: Ledger, n: number, size = n) {
  const run = await plannedRun(ledger, n, size);
  const [write] = await writesOf(ledger, run);
  if (!write) throw new Error('nothing was planned');
  return { run, id: write.id };
}

/** Simulates calls of several processes. Within one process, simultaneous calls would be combined in one statement. */
export async function inProcesses<T>(
  { url }: Opened,
  times: number,
  call: (ledger: Ledger) => Promise<T>,
): Promise<T[]> {
  const ledgers = upTo(4).map(() => openLedger(url, 2));
  const calls = ledgers.flatMap((ledger) => upTo(times / ledgers.length).map(() => call(ledger)));
  const results = await Promise.all(calls);
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  return results;
}

export async function expireLease({ database }: Opened, id: string): Promise<void> {
  await sql`update writes set lease_until = clock_timestamp() - interval '1 ms' where id = ${id}`.execute(
    database.db,
  );
}

/** How many sessions of this database are waiting for a lock. */
export async function waitingForLocks(db: Executor): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
  return rows[0]?.n ?? 0;
}

/** Resolves once so many are. */
export const untilWaiting = (db: Executor, n: number): Promise<unknown> =>
  until(
    () => waitingForLocks(db),
    (found) => found === n,
  );

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export async function writesOf(ledger: Ledger, run: Run) {
  return ledger.writes.listOpen(run.run_no, 1, 1_000_000);
}

export function claimOf(run: Run, id: string, more: Partial<{ leaseMs: number }> = {}) {
  return {
    runNo: run.run_no,
    id,
    leaseMs: 20_000,
    holder: 'test',
    tenant: 't',
    ...more,
  };
}

export async function claimed(ledger: Ledger, run: Run, id: string, leaseMs = 20_000) {
  const claim = await ledger.writes.claim(claimOf(run, id, { leaseMs }));
  if (claim.verdict !== 'claimed') throw new Error(`not claimed: ${claim.verdict}`);
  return claim;
}

export function settlement(id: string, fence: number, groups: readonly SettledGroup[]): Settlement {
  return {
    runNo: 0,
    id,
    fence,
    state: 'settled',
    groups,
    derived: [],
    httpStatus: 200,
    latencyMs: 12,
    requestId: 'r',
    audit: { status: 'success' },
    event: 'batch_complete',
  };
}

export const group = (outcome: Outcome, seqs: readonly number[]): SettledGroup => ({ outcome, seqs });
