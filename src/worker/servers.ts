/** Waits for PostgreSQL and Temporal. Both often start after the worker, and a worker that exits has to be restarted. */
import { setTimeout as delay } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { TemporalSettings } from '../config/temporal.ts';
import { isTransient } from '../ledger/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { describeError, type Logger } from './log.ts';

const RETRY_MS = 1_000;

interface Waiting {
  readonly log: Logger;
  readonly draining: AbortSignal;
}

/** CXONE_TENANT is not set, and CXone is not replaced. */
export class MissingTenant extends Error {
  override readonly name = 'MissingTenant';
  readonly next =
    'set CXONE_TENANT to a name of your choice, or to that of the ledger if a worker has used it (`cxflow doctor`)';
  constructor() {
    super('the CXone tenant has no name');
  }
}

/**
 * Creates or updates the ledger's tables, and binds the ledger to the tenant. Waits for the database; false if the worker is
 * stopped before it answers. Errors: OtherTenant.
 */
export async function prepareLedger(ledger: Ledger, tenant: string, waiting: Waiting): Promise<boolean> {
  const prepare = async () => {
    await ledger.migrate();
    await ledger.tenant.register(tenant);
    await ledger.subjects.registerPepper();
    return true;
  };
  const prepared = await retry(prepare, { ...waiting, server: 'the database', isRetryable: isTransient });
  return prepared ?? false;
}

/** Waits for Temporal; null if the worker is stopped before it answers. */
export async function connectToTemporal(
  { connectionOptions }: TemporalSettings,
  waiting: Waiting,
): Promise<NativeConnection | null> {
  const connect = () => NativeConnection.connect(connectionOptions);
  const server = `Temporal at ${connectionOptions.address}`;
  return retry(connect, { ...waiting, server, isRetryable: () => true });
}

interface Retry extends Waiting {
  readonly server: string;
  readonly isRetryable: (error: unknown) => boolean;
}

async function retry<T>(attempt: () => Promise<T>, options: Retry): Promise<T | null> {
  const { log, draining, server, isRetryable } = options;
  for (let tries = 1; !draining.aborted; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      if (tries % 10 === 1) log.warn({ tries, error: describeError(error) }, `waiting for ${server}`);
      await delay(RETRY_MS);
    }
  }
  return null;
}
