/**
 * How long a statement in the ledger may take, and what follows for the activities that execute statements. PostgreSQL has to
 * end a slow statement before Temporal gives up its activity: only PostgreSQL can say what was slow, and only what it says is
 * counted (src/activities/failures.ts), so that a statement that is always too slow ends its run. The exception are activities
 * whose answer somebody waits for (INTERACTIVE in src/workflows/policies.ts): they read little, belong to no run, and end after
 * a minute, whatever was slow.
 */

/** For every statement, COPY and the plan included; migrations have none. */
export const STATEMENT_TIMEOUT_MS = 120_000;

/** DATABASE_URL may permit more than the default, up to this. */
export const MAX_STATEMENT_TIMEOUT_MS = 600_000;

/**
 * In ms, for the connections of this URL. null: its parameter `statement_timeout` is not permitted, because without a limit, or
 * with a longer one, Temporal would give up the activity first. Of several parameters the last counts, as for node-postgres.
 */
export function statementTimeoutOf(databaseUrl: string): number | null {
  const given = URL.canParse(databaseUrl)
    ? new URL(databaseUrl).searchParams.getAll('statement_timeout')
    : [];
  const text = given.at(-1);
  if (text === undefined) return STATEMENT_TIMEOUT_MS;
  const timeoutMs = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return timeoutMs >= 1 && timeoutMs <= MAX_STATEMENT_TIMEOUT_MS ? timeoutMs : null;
}

export const PERMITTED_STATEMENT_TIMEOUTS = `must have a statement_timeout of 1 to ${MAX_STATEMENT_TIMEOUT_MS} (milliseconds), or none`;

/**
 * At most this many statements of one activity go through all rows of a run. The chunks of a step that works in chunks do not
 * count, because its next attempt continues where this one stopped.
 */
const LONG_STATEMENTS_OF_A_STEP = 12;

/** Such a long timeout does not delay the discovery that a worker has died: an activity shows by heartbeats that it lives. */
export const STEP_TIMEOUT_MS = LONG_STATEMENTS_OF_A_STEP * MAX_STATEMENT_TIMEOUT_MS;

// --- attempts at CXone --------------------------------------------------------------------------------------

/** A write or a read that was tried for so long in vain counts as the cause, even if there is no other to compare it with. */
export const LONGEST_OUTAGE_MS = 15 * 60_000;

/** Longer than between two attempts: where nothing failed for so long, nothing was tried, and the time counts anew. */
export const LONGEST_GAP_MS = 5 * 60_000;
