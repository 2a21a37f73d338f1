/**
 * The port to the ledger: everything that cxflow stores. The interface of each group is in the file of the same name, without
 * SQL; its implementation on PostgreSQL is beside it in `*.sql.ts`, which only this folder imports.
 *
 * For every method holds:
 * - What it changes is committed before it returns. A method that takes an `executor` works in the caller's transaction.
 * - An error means that it changed nothing, unless the connection broke while it was committing. After a transient error
 *   (errors.ts, `isTransient`) it may therefore have taken effect. Repeating a method is safe where its comment says so, or
 *   where a fence protects it.
 * - Any other error is a mistake in our code or data, except for the errors that its comment names.
 */
import { createAudit } from './audit/audit.sql.ts';
import type { Audit } from './audit/audit.ts';
import { readClock } from './clock.ts';
import { createEligibilityResults } from './consent/eligibility-results.sql.ts';
import type { EligibilityResults } from './consent/eligibility-results.ts';
import { createErasures } from './consent/erasure.sql.ts';
import type { Erasures } from './consent/erasure.ts';
import { createPreferences } from './consent/preferences.sql.ts';
import type { Preferences } from './consent/preferences.ts';
import { createConsentProof } from './consent/proof.sql.ts';
import type { ConsentProof } from './consent/proof.ts';
import { createSubjectKeys } from './consent/subject-keys.sql.ts';
import type { SubjectKeys } from './consent/subject-keys.ts';
import { createSuppressionSnapshots } from './consent/suppression-snapshots.sql.ts';
import type { SuppressionSnapshots } from './consent/suppression-snapshots.ts';
import { createSuppressions } from './consent/suppressions.sql.ts';
import type { Suppressions } from './consent/suppressions.ts';
import { type BeforeCommit, openDatabase } from './database.ts';
import { createEmails } from './emails/emails.sql.ts';
import type { Emails } from './emails/emails.ts';
import { createEmailQuota } from './emails/quota.sql.ts';
import type { EmailQuota } from './emails/quota.ts';
import { type DatabaseHealth, readHealth } from './health.ts';
import { migrate, missingMigrations, unknownMigrations } from './migrate.ts';
import { type Connections, countConnections, type OpenWork, readOpenWork } from './open-work.ts';
import { createOutbox } from './outbox/outbox.sql.ts';
import type { Outbox } from './outbox/outbox.ts';
import { createPurges } from './retention/purges.sql.ts';
import type { Purges } from './retention/purges.ts';
import { createCapacity } from './runs/capacity.sql.ts';
import type { Capacity } from './runs/capacity.ts';
import { createDatasets } from './runs/datasets.sql.ts';
import type { Datasets } from './runs/datasets.ts';
import { createMetrics } from './runs/metrics.sql.ts';
import type { Metrics } from './runs/metrics.ts';
import { createRecords } from './runs/records.sql.ts';
import type { Records } from './runs/records.ts';
import { createReports } from './runs/reports.sql.ts';
import type { Reports } from './runs/reports.ts';
import { createRetries } from './runs/retries.sql.ts';
import type { Retries } from './runs/retries.ts';
import { createRuns } from './runs/runs.sql.ts';
import type { Runs } from './runs/runs.ts';
import { createCampaigns } from './selections/campaigns.sql.ts';
import type { Campaigns } from './selections/campaigns.ts';
import { createSelections } from './selections/selections.sql.ts';
import type { Selections } from './selections/selections.ts';
import { createLedgerTenant } from './tenant.sql.ts';
import type { LedgerTenant } from './tenant.ts';
import { createAnswers } from './writes/answers.sql.ts';
import type { Answers } from './writes/answers.ts';
import { createRateBudget } from './writes/rate-budget.sql.ts';
import type { RateBudget } from './writes/rate-budget.ts';
import { createWrites } from './writes/writes.sql.ts';
import type { Writes } from './writes/writes.ts';

export interface Ledger {
  readonly runs: Runs;
  readonly records: Records;
  readonly datasets: Datasets;
  readonly retries: Retries;
  readonly reports: Reports;
  readonly metrics: Metrics;
  readonly capacity: Capacity;

  readonly writes: Writes;
  readonly answers: Answers;
  readonly rateBudget: RateBudget;

  readonly tenant: LedgerTenant;

  readonly audit: Audit;
  readonly outbox: Outbox;

  readonly campaigns: Campaigns;
  readonly selections: Selections;

  readonly emails: Emails;
  readonly emailQuota: EmailQuota;

  readonly preferences: Preferences;
  readonly subjects: SubjectKeys;
  readonly suppressions: Suppressions;
  readonly suppressionSnapshots: SuppressionSnapshots;
  readonly consentProof: ConsentProof;
  readonly erasures: Erasures;
  readonly eligibilityResults: EligibilityResults;

  readonly purges: Purges;

  /**
   * Creates the tables, or brings them to the version of this program. Returns the names of the migrations that it ran; a
   * repetition runs none. Several processes may call it at once: one works, the others wait for it. Errors:
   * UnknownMigrations, if a newer version of this program has migrated the ledger.
   */
  migrate(): Promise<readonly string[]>;
  /** Names of the migrations that `migrate` would run. */
  missingMigrations(): Promise<readonly string[]>;
  /** Names of migrations that a newer version of this program has run. */
  unknownMigrations(): Promise<readonly string[]>;

  /** The time by the clock of the ledger, which also says when a write that waits may be tried again. */
  now(): Promise<Date>;
  health(): Promise<DatabaseHealth>;
  /** Takes 4 s at most, once there is a connection; then it fails. Reads only. */
  openWork(tenant: string): Promise<OpenWork>;
  /** Of this process. */
  connections(): Connections;
  close(): Promise<void>;
}

export interface LedgerOptions {
  /** See SubjectKeys. */
  readonly pepper?: string | null | undefined;
  /** For fault tests. */
  readonly beforeCommit?: BeforeCommit | undefined;
}

/** `url`: `postgres://…`. `maxConnections`: 24 by default. Connects with the first method that is called. */
export function openLedger(
  url: string,
  maxConnections?: number,
  { pepper = null, beforeCommit }: LedgerOptions = {},
): Ledger {
  const database = openDatabase(url, maxConnections, { beforeCommit });
  const subjects = createSubjectKeys(database, pepper);
  const consentProof = createConsentProof(database, subjects);
  const suppressions = createSuppressions(database, { subjects, proof: consentProof });
  return {
    runs: createRuns(database),
    records: createRecords(database),
    datasets: createDatasets(database),
    retries: createRetries(database),
    reports: createReports(database),
    metrics: createMetrics(database),
    capacity: createCapacity(database),
    writes: createWrites(database),
    answers: createAnswers(database),
    rateBudget: createRateBudget(database),
    tenant: createLedgerTenant(database),
    audit: createAudit(database),
    outbox: createOutbox(database),
    campaigns: createCampaigns(database),
    selections: createSelections(database),
    emails: createEmails(database),
    emailQuota: createEmailQuota(database),
    preferences: createPreferences(database),
    subjects,
    suppressions,
    suppressionSnapshots: createSuppressionSnapshots(database, subjects),
    consentProof,
    erasures: createErasures(database, { suppressions, proof: consentProof }),
    eligibilityResults: createEligibilityResults(database),
    purges: createPurges(database),
    migrate: () => migrate(database),
    missingMigrations: () => missingMigrations(database),
    unknownMigrations: () => unknownMigrations(database),
    now: () => readClock(database),
    health: () => readHealth(database),
    openWork: (tenant) => readOpenWork(database, tenant),
    connections: () => countConnections(database),
    close: () => database.close(),
  };
}
