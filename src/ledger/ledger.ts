/** Our memory: what every run was asked, did and answered. PostgreSQL. */
import { createAudit } from './audit/audit.ts';
import { createConsentProof } from './consent/proof.ts';
import { openDatabase } from './database.ts';
import { createCampaigns } from './selections/campaigns.ts';
import { createDatasets } from './runs/datasets.ts';
import { createEligibilityResults } from './consent/eligibility-results.ts';
import { createErasures } from './consent/erasure.ts';
import { createHealth } from './health.ts';
import { migrate, missingMigrations, unknownMigrations } from './migrate.ts';
import { createWrites } from './writes/writes.ts';
import { createOutbox } from './outbox/outbox.ts';
import { createPreferences } from './consent/preferences.ts';
import { createRateBudget } from './writes/rate-budget.ts';
import { createRecords } from './runs/records.ts';
import { createReports } from './runs/reports.ts';
import { createRetries } from './runs/retries.ts';
import { createRuns } from './runs/runs.ts';
import { createSubjectKeys } from './consent/subject-keys.ts';
import { createSuppressions } from './consent/suppressions.ts';
import { createSelections } from './selections/selections.ts';

/** `url`: postgres://… ; `maxConnections` default 24; `pepper`: subject-keys.ts. Connects when first used. */
export function openLedger(url: string, maxConnections?: number, pepper: string | null = null) {
  const database = openDatabase(url, maxConnections);
  const subjects = createSubjectKeys(database, pepper);
  const consentProof = createConsentProof(database, subjects);
  const suppressions = createSuppressions(database, subjects, consentProof);
  return {
    runs: createRuns(database),
    records: createRecords(database),
    retries: createRetries(database),
    writes: createWrites(database),
    audit: createAudit(database),
    outbox: createOutbox(database),
    reports: createReports(database),
    datasets: createDatasets(database),
    campaigns: createCampaigns(database),
    selections: createSelections(database),
    rateBudget: createRateBudget(database),
    preferences: createPreferences(database),
    subjects,
    suppressions,
    consentProof,
    erasures: createErasures(database, { suppressions, proof: consentProof }),
    eligibilityResults: createEligibilityResults(database),
    migrate: () => migrate(database),
    missingMigrations: () => missingMigrations(database),
    unknownMigrations: () => unknownMigrations(database),
    /** For `doctor`. */
    health: createHealth(database),
    close: () => database.close(),
  };
}

export type Ledger = ReturnType<typeof openLedger>;
export type LedgerReadSide = Pick<
  Ledger,
  'runs' | 'records' | 'writes' | 'audit' | 'outbox' | 'reports' | 'close'
>;
