/** What a fault test looks at after the event: Temporal's history, the ledger's tables, the simulator's requests. */
import { sql } from 'kysely';
import type { Outcome } from '../../src/domain/run.ts';
import { type Database, openDatabase } from '../../src/ledger/database.ts';
import type { RequestLine } from '../../src/simulator/stats.ts';
import type { Stand } from './stand.ts';

/** Names of the events of a run's last execution, in order. */
export async function eventsOf(stand: Stand, runId: string): Promise<readonly string[]> {
  const { events } = await stand.client().temporal.workflow.getHandle(runId).fetchHistory();
  return (events ?? []).map(({ eventType }) => EVENT_NAMES[eventType ?? 0] ?? String(eventType));
}

/** Those that a test asks for; temporal.api.enums.v1.EventType. */
const EVENT_NAMES: Readonly<Record<number, string>> = {
  10: 'ACTIVITY_TASK_SCHEDULED',
  13: 'ACTIVITY_TASK_FAILED',
  14: 'ACTIVITY_TASK_TIMED_OUT',
  28: 'WORKFLOW_EXECUTION_CONTINUED_AS_NEW',
};

export async function query<T>(stand: Stand, look: (db: Database['db']) => Promise<T>): Promise<T> {
  const database = openDatabase(stand.databaseUrl, 1);
  try {
    return await look(database.db);
  } finally {
    await database.close();
  }
}

/** How many processes were the last to hold a write. */
export async function holders(stand: Stand): Promise<number> {
  const { rows } = await query(stand, (db) =>
    sql<{ n: number }>`select count(distinct holder)::int as n from writes`.execute(db),
  );
  return rows[0]?.n ?? 0;
}

/** How outcomes of this kind are known, where that is not by a plain answer. */
export async function evidenceOf(stand: Stand, outcome: Outcome): Promise<readonly string[]> {
  const { rows } = await query(stand, (db) =>
    sql<{ evidence: string }>`select distinct evidence from outcomes
      where outcome = ${outcome} and evidence is not null`.execute(db),
  );
  return rows.map(({ evidence }) => evidence).sort();
}

/** Of the API alone, without those for tokens. */
export async function writesOf(stand: Stand): Promise<readonly RequestLine[]> {
  return (await stand.admin.requests(10_000)).filter(({ path }) => path.startsWith('/api/'));
}

/** Most requests within any stretch of that length. */
export function mostWithin(requests: readonly RequestLine[], windowMs: number): number {
  const times = requests.map(({ at }) => Date.parse(at)).sort((a, b) => a - b);
  let first = 0;
  return times.reduce((most, time, index) => {
    while ((times[first] ?? time) <= time - windowMs) first += 1;
    return Math.max(most, index - first + 1);
  }, 0);
}
