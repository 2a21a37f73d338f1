/**
 * The client for services: stage rows or a file, start a run, wait for its plan, read its progress, steer it, wait for its result.
 *
 * ```ts
 * const cxflow = await connect({ databaseUrl: process.env.DATABASE_URL });
 * const { source } = await cxflow.stageFile('contacts.csv', { operation: 'contactImport' });
 * const { runId } = await cxflow.startContactImport({ listId: 'L1', source, approval: true });
 * const plan = await cxflow.waitForPlan(runId);
 * if (plan.status === 'awaiting_approval')
 *   await cxflow.decide(runId, { action: 'approve', by: 'dana', planHash: plan.planHash });
 * const result = await cxflow.result<ContactImportResult>(runId);
 * ```
 */
import { connectTemporal } from './client/connection.ts';
import { createConsentClient } from './client/consent.ts';
import type { ClientDeps } from './client/deps.ts';
import { createPlanWait } from './client/plan-wait.ts';
import { createSelectionClient } from './client/selection.ts';
import { createStagingClient } from './client/staging.ts';
import { createStartMethods } from './client/start.ts';
import { createSteeringClient } from './client/steering.ts';
import { loadTenant, requireDatabaseUrl } from './config/config.ts';
import { OPERATIONS } from './contract/operations.ts';
import type { OperationSpecs } from './contract/spec.ts';
import { openLedger } from './ledger/ledger.ts';
import { refuseOtherTenant } from './ledger/tenant.ts';

export type { ClientDeps } from './client/deps.ts';
export * from './client/errors.ts';
export type { ExecutionFailure } from './client/executions.ts';
export type { Planned, PlanWaitOptions } from './client/plan-wait.ts';
export type { CampaignSelection } from './client/selection.ts';
export type { Staged, StagedSheet, StageOptions } from './client/staging.ts';
export type { Started, StartMethods, StartOptions } from './client/start.ts';
// Inputs, results, decisions and errors, so that a service needs no other import. Those of the operations are in operations.ts.
export type * from './contract/consent.ts';
export type { RunFailureType } from './contract/failures.ts';
export type * from './contract/operations.ts';
export type * from './contract/run.ts';
export type * from './contract/spec.ts';
export type * from './contract/steering.ts';

export interface ConnectOptions {
  /** The database of the ledger: `postgres://…`, as DATABASE_URL (docs/settings.md). */
  readonly databaseUrl: string;
  /** The CXFLOW_PEPPER of the workers, for reading entries about data subjects. Default: none. */
  readonly pepper?: string | null;
  /**
   * The settings of Temporal's client (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PROFILE …), and CXONE_TENANT, if the
   * service is for one tenant. Default: `process.env`.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Connects to Temporal and opens the ledger. Throws if Temporal does not answer, and TemporalSettingsError and ConfigError, also
 * for `databaseUrl`. If the environment names a tenant: OtherTenant, if it is not that of the ledger, and errors of the database.
 */
export async function connect(options: ConnectOptions) {
  const env = options.env ?? process.env;
  const tenant = loadTenant(env);
  const databaseUrl = requireDatabaseUrl(options.databaseUrl);
  const temporal = await connectTemporal(env);
  const ledger = openLedger(databaseUrl, 4, { pepper: options.pepper });
  try {
    await refuseOtherTenant(ledger.tenant, tenant);
  } catch (error) {
    await Promise.all([ledger.close(), temporal.connection.close()]);
    throw error;
  }
  return {
    ...createClient({ temporal, ledger }),
    /** For reading counts, records and the audit. */
    ledger,
    temporal,
    async close(): Promise<void> {
      await ledger.close();
      await temporal.connection.close();
    },
  };
}

export type CxflowClient = Awaited<ReturnType<typeof connect>>;

export function createClient(deps: Omit<ClientDeps, 'operations'>) {
  return createClientFor({ ...deps, operations: OPERATIONS });
}

/** A client for other operations than those of cxflow. The workers must have the same operations registered. */
export function createClientFor<Specs extends OperationSpecs>(deps: ClientDeps<Specs>) {
  const steering = createSteeringClient(deps);
  return {
    ...createStartMethods(deps),
    ...createStagingClient<keyof Specs & string>(deps),
    ...steering,
    ...createPlanWait({ ...deps, ...steering }),
    ...createSelectionClient(deps),
    ...createConsentClient(deps),
  };
}
