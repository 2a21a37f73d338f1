/** Reads the ledger's tables and the simulator's requests, for the assertions of fault tests. */
import { sql } from 'kysely';
import type { Outcome } from '../../src/domain/run.ts';
import { type Database, openDatabase } from '../../src/ledger/database.ts';
import type { RequestLine } from '../../src/simulator/stats.ts';
import type { Stand } from './stand.ts';

export async function query<T>(stand: Stand, read: (db: Database['db']) => Promise<T>): Promise<T> {
  const database = openDatabase(stand.databaseUrl, 1);
  try {
    return await read(database.db);
  } finally {
    await database.close();
  }
}

/** The processes that claimed writes most recently, one for each write, as `host:pid`. */
export async function listHolders(stand: Stand): Promise<readonly string[]> {
  const { rows } = await query(stand, (db) =>
    sql<{ holder: string }>`select distinct holder from writes where holder is not null`.execute(db),
  );
  return rows.map(({ holder }) => holder);
}

export interface Claims {
  readonly claims: number;
  /** Writes that are claimed and not settled. */
  readonly open: number;
  readonly settled: number;
  readonly created: number;
}

/** Counts the claims of one worker, or of all. */
export async function countClaims(stand: Stand, pid?: number): Promise<Claims> {
  const { rows } = await query(stand, (db) =>
    sql<Claims>`
      select coalesce(sum(attempts), 0)::int as claims, count(*) filter (where state = 'sending')::int as open,
        count(*) filter (where state = 'settled')::int as settled,
        coalesce(sum((counts->>'created')::int), 0)::int as created
      from writes where ${pid ?? null}::int is null or holder like '%:' || ${pid ?? null}::int`.execute(db),
  );
  return rows[0] ?? { claims: 0, open: 0, settled: 0, created: 0 };
}

/** The most writes that workers can have claimed and not settled: each claims half as many ahead as it has request slots. */
export const claimable = (workers: number, maxInFlight: number): number =>
  workers * (maxInFlight + Math.floor(maxInFlight / 2));

/** The distinct evidence of the records with this outcome; empty if all of them are known by a plain answer. */
export async function listEvidence(stand: Stand, outcome: Outcome): Promise<readonly string[]> {
  const { rows } = await query(stand, (db) =>
    sql<{ evidence: string }>`select distinct evidence from outcomes
      where outcome = ${outcome} and evidence is not null`.execute(db),
  );
  return rows.map(({ evidence }) => evidence).sort();
}

/** How many records of a run have each outcome and evidence: `existing`, `created own_write_lost_answer`. */
export async function outcomesByEvidence(
  stand: Stand,
  runId: string,
): Promise<Readonly<Record<string, number>>> {
  const { rows } = await query(stand, (db) =>
    sql<{ known: string; n: number }>`
      select concat_ws(' ', outcome, evidence) as known, count(*)::int as n
      from outcomes join runs using (run_no) where run_id = ${runId} group by 1`.execute(db),
  );
  return Object.fromEntries(rows.map(({ known, n }) => [known, n]));
}

/** All API requests, including probes but not token requests. */
export async function listRequests(stand: Stand): Promise<readonly RequestLine[]> {
  return (await stand.admin.requests(10_000)).filter(({ path }) => path.startsWith('/api/'));
}

/** API requests without probes. Use `listRequests` if every request counts. */
export async function listWriteRequests(stand: Stand): Promise<readonly RequestLine[]> {
  return (await listRequests(stand)).filter(({ isProbe }) => !isProbe);
}

/** How often the audit of a run has each action. */
export async function countActions(stand: Stand, runId: string): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for await (const { action } of stand.client().ledger.audit.list(runId))
    counts[action] = (counts[action] ?? 0) + 1;
  return counts;
}
