/** The schema of the first version, one file for each group of tables. */
import { type Kysely, sql } from 'kysely';
import { auditAndOutboxTables } from './0001/audit-and-outbox.ts';
import { claimFunctions } from './0001/claims.ts';
import { consentTables } from './0001/consent.ts';
import { rateBudgets } from './0001/rate-budgets.ts';
import { runTables } from './0001/runs.ts';
import { selectionTables } from './0001/selections.ts';
import { settleFunctions } from './0001/settlements.ts';
import { writesTable } from './0001/writes.ts';

/** In this order: tables reference those before them, functions the tables. */
const STATEMENTS = [
  runTables,
  writesTable,
  auditAndOutboxTables,
  rateBudgets,
  claimFunctions,
  settleFunctions,
  selectionTables,
  consentTables,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statements of STATEMENTS) await sql.raw(statements).execute(db);
}
