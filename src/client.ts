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
import type { Client } from '@temporalio/client';
import { connectTemporal } from './client/connection.ts';
import { type ConsentClient, createConsentClient } from './client/consent.ts';
import type { ClientDeps } from './client/deps.ts';
import { createPlanWait, type PlanWait } from './client/plan-wait.ts';
import { createSelectionClient, type SelectionClient } from './client/selection.ts';
import { createStagingClient, type StagingClient } from './client/staging.ts';
import { createStartMethods, type StartMethods } from './client/start.ts';
import { createSteeringClient, type SteeringClient } from './client/steering.ts';
import { loadTenant, requireDatabaseUrl } from './config/config.ts';
import { OPERATIONS } from './contract/operations.ts';
import type { OperationSpecs } from './contract/spec.ts';
import { type Ledger, openLedger } from './ledger/ledger.ts';
import { refuseOtherTenant } from './ledger/tenant.ts';

export type { ConsentClient, ErasureRequest } from './client/consent.ts';
export * from './client/errors.ts';
export type { ExecutionFailure } from './client/executions.ts';
export type { Planned, PlanWait, PlanWaitOptions } from './client/plan-wait.ts';
export type { CampaignSelection, SelectionClient } from './client/selection.ts';
export type { Staged, StagedSheet, StageOptions, StagingClient } from './client/staging.ts';
export type { Started, StartMethods, StartOptions } from './client/start.ts';
export type { DecideOptions, SteeringClient } from './client/steering.ts';
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

export interface CxflowClient extends OperationsClient {
  /** For reading counts, records and the audit. */
  readonly ledger: Ledger;
  /** @internal For commands and tests. Its types need packages that a service may lack. */
  readonly temporal: Client;
  close(): Promise<void>;
}

interface OperationsClient
  extends StartMethods<typeof OPERATIONS>,
    StagingClient<keyof typeof OPERATIONS>,
    SteeringClient,
    PlanWait,
    SelectionClient,
    ConsentClient {}

/**
 * Connects to Temporal and opens the ledger. Throws if Temporal does not answer, and TemporalSettingsError and ConfigError, also
 * for `databaseUrl`. If the environment names a tenant: OtherTenant, if it is not that of the ledger, and errors of the database.
 */
export async function connect(options: ConnectOptions): Promise<CxflowClient> {
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
    ledger,
    temporal,
    async close(): Promise<void> {
      await ledger.close();
      await temporal.connection.close();
    },
  };
}

/** @internal */
export function createClient(deps: Omit<ClientDeps, 'operations'>): OperationsClient {
  return createClientFor({ ...deps, operations: OPERATIONS });
}

/** @internal A client for other operations than those of cxflow. The workers must have the same operations registered. */
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
