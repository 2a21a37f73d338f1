/** Snapshots of CXone's suppression list in PostgreSQL. */
import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import { fenced } from '../fence.ts';
import { oneAtATime } from '../locks.ts';
import { deleteEntries, emptySnapshots } from '../runs/suppression-entries.sql.ts';
import type { LedgerTables } from '../schema.ts';
import { IDENTIFIER_BYTES, type SubjectKeys } from './subject-keys.ts';
import {
  type LatestSnapshot,
  type SnapshotFigures,
  SnapshotGone,
  type SuppressionSnapshot,
  type SuppressionSnapshots,
} from './suppression-snapshots.ts';

export function createSuppressionSnapshots({ db }: Database, subjects: SubjectKeys): SuppressionSnapshots {
  return {
    begin: (run, tenant) => fenced(db, run, (tx, runNo) => begin(tx, runNo, tenant)),
    add: async (snapshotNo, identifiers) =>
      add(db, snapshotNo, await subjects.hashIdentifiers([...new Set(identifiers)])),
    complete: (snapshotNo, figures) => db.transaction().execute((tx) => complete(tx, snapshotNo, figures)),
    latest: (runNo) => latest(db, runNo),
    lastAccepted: (tenant) => lastAccepted(db, tenant),
    accept: (snapshotNo) => accept(db, snapshotNo),
    find: (snapshotNo, identifiers) => find(db, subjects, snapshotNo, identifiers),
  };
}

async function begin(tx: Executor, runNo: number, tenant: string): Promise<number> {
  // One at a time, so that each sees and deletes what the one before has begun.
  await oneAtATime(tx, runNo);
  const abandoned = await tx
    .deleteFrom('suppression_snapshots')
    .where('run_no', '=', runNo)
    .where('completed_at', 'is', null)
    .returning('snapshot_no')
    .execute();
  await deleteEntries(
    tx,
    abandoned.map((row) => row.snapshot_no),
  );
  const { snapshot_no: snapshotNo } = await tx
    .insertInto('suppression_snapshots')
    .values({ run_no: runNo, tenant })
    .returning('snapshot_no')
    .executeTakeFirstOrThrow();
  return snapshotNo;
}

/** As one value rather than an array, which the driver would spell out as text. In the order of the index. */
const split = (hashes: Uint8Array): RawBuilder<Uint8Array> => sql<Uint8Array>`
  select substring(${hashes}::bytea from n for ${IDENTIFIER_BYTES}::int) as identifier
  from generate_series(1, octet_length(${hashes}::bytea), ${IDENTIFIER_BYTES}::int) n`;

/** The lock keeps the snapshot from being deleted or completed until the entries are committed. */
async function add(db: Executor, snapshotNo: number, hashes: Uint8Array): Promise<void> {
  const { rows } = await sql`
    with begun as (
      select snapshot_no from suppression_snapshots
      where snapshot_no = ${snapshotNo} and completed_at is null and emptied_at is null for share),
    added as (
      insert into suppression_snapshot_entries (snapshot_no, identifier)
      select snapshot_no, identifier from begun, (${split(hashes)}) entries order by identifier
      on conflict do nothing)
    select from begun`.execute(db);
  if (rows.length === 0) throw new SnapshotGone(snapshotNo);
}

async function complete(
  tx: Executor,
  snapshotNo: number,
  { entries, unidentified, fileRows, isComplete }: SnapshotFigures,
): Promise<SuppressionSnapshot> {
  const begun = await tx
    .selectFrom('suppression_snapshots')
    .selectAll()
    .where('snapshot_no', '=', snapshotNo)
    .where('emptied_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  if (!begun) throw new SnapshotGone(snapshotNo);
  if (begun.completed_at !== null) return toSnapshot(begun);
  const figures = JSON.stringify([entries, unidentified, fileRows, isComplete]);
  const completed = await tx
    .updateTable('suppression_snapshots')
    .set({
      completed_at: sql<Date>`clock_timestamp()`,
      ...{ entries, unidentified, file_rows: fileRows, is_complete: isComplete },
      hash: sql<string>`(select encode(sha256(
        coalesce(string_agg(identifier, ''::bytea order by identifier), '') || convert_to(${figures}, 'UTF8')), 'hex')
        from suppression_snapshot_entries where snapshot_no = ${snapshotNo})`,
    })
    .where('snapshot_no', '=', snapshotNo)
    .returningAll()
    .executeTakeFirstOrThrow();
  await emptySnapshots(tx, completed.run_no, snapshotNo);
  return toSnapshot(completed);
}

async function latest(db: Executor, runNo: number): Promise<LatestSnapshot | null> {
  const row = await db
    .selectFrom('suppression_snapshots')
    .selectAll()
    .select(sql<number>`(extract(epoch from clock_timestamp() - begun_at) * 1000)::float8`.as('age_ms'))
    .where('run_no', '=', runNo)
    .where('completed_at', 'is not', null)
    .where('emptied_at', 'is', null)
    .orderBy('snapshot_no', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ? { ...toSnapshot(row), ageMs: row.age_ms } : null;
}

async function lastAccepted(db: Executor, tenant: string): Promise<SnapshotFigures | null> {
  const row = await db
    .selectFrom('suppression_snapshots')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('accepted_at', 'is not', null)
    .orderBy('snapshot_no', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ? toSnapshot(row).figures : null;
}

async function accept(db: Executor, snapshotNo: number): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('suppression_snapshots')
    .set({ accepted_at: sql<Date>`coalesce(accepted_at, clock_timestamp())` })
    .where('snapshot_no', '=', snapshotNo)
    .where('completed_at', 'is not', null)
    .where('emptied_at', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw new SnapshotGone(snapshotNo);
}

/** In one statement, so that the entries are not deleted between the check and the search. */
async function find(
  db: Executor,
  subjects: SubjectKeys,
  snapshotNo: number,
  identifiers: readonly string[],
): Promise<ReadonlySet<string>> {
  const asked = [...new Set(identifiers)];
  const hashes = await subjects.hashIdentifiers(asked);
  const { rows } = await sql<{ isUsable: boolean; found: Buffer | null }>`
    select exists (select from suppression_snapshots
        where snapshot_no = ${snapshotNo} and completed_at is not null and emptied_at is null) as "isUsable",
      (select string_agg(identifier, ''::bytea) from suppression_snapshot_entries
        where snapshot_no = ${snapshotNo} and identifier = any(array(${split(hashes)}))) as found`.execute(
    db,
  );
  if (rows[0]?.isUsable !== true) throw new SnapshotGone(snapshotNo);
  const found = new Set(toKeys(rows[0].found ?? Buffer.alloc(0)));
  if (found.size === 0) return new Set();
  const keys = toKeys(hashes);
  return new Set(asked.filter((_, index) => found.has(keys[index] ?? '')));
}

function toKeys(bytes: Uint8Array): string[] {
  const hashes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const keys: string[] = [];
  for (let at = 0; at < hashes.length; at += IDENTIFIER_BYTES)
    keys.push(hashes.toString('latin1', at, at + IDENTIFIER_BYTES));
  return keys;
}

/** Of a complete one. */
function toSnapshot(row: Selectable<LedgerTables['suppression_snapshots']>): SuppressionSnapshot {
  const { snapshot_no: snapshotNo, hash, entries, unidentified, is_complete: isComplete } = row;
  if (hash === null || entries === null || unidentified === null || isComplete === null)
    throw new Error(`suppression snapshot ${snapshotNo} is not complete`);
  return {
    ...{ snapshotNo, hash },
    figures: { entries, unidentified, fileRows: row.file_rows, isComplete },
    begunAt: row.begun_at,
    isAccepted: row.accepted_at !== null,
  };
}
