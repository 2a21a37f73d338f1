/** The connection of a client to Temporal. */
import { Client, Connection } from '@temporalio/client';
import type { Env } from '../config/reader.ts';
import { loadTemporal } from '../config/temporal.ts';

/** Throws if Temporal does not answer, and TemporalSettingsError. */
export async function connectTemporal(env: Env): Promise<Client> {
  const { namespace, connectionOptions } = loadTemporal(env);
  return new Client({ connection: await Connection.connect(connectionOptions), namespace });
}
