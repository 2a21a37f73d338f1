/**
 * How long a statement in the ledger may take, and what follows for the activities that execute statements. PostgreSQL has to
 * end a slow statement before Temporal gives up its activity: only PostgreSQL can say what was slow, and only what it says is
 * counted (src/activities/failures.ts), so that a statement that is always too slow ends its run.
 */

/** For every statement, COPY and the plan included; migrations have none. */
export const STATEMENT_TIMEOUT_MS = 120_000;

/** DATABASE_URL may permit more than the default, up to this. */
export const MAX_STATEMENT_TIMEOUT_MS = 600_000;

/** No activity executes more of those that go through all rows of a run; a step that works in chunks continues where it was. */
const LONG_STATEMENTS_OF_A_STEP = 12;

/** Whether its worker is alive, an activity shows by heartbeats. */
export const STEP_TIMEOUT_MS = LONG_STATEMENTS_OF_A_STEP * MAX_STATEMENT_TIMEOUT_MS;
