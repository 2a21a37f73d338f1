/** A client with its own ledger and namespace and without a worker, so that runs start and make no progress. */
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { createClient, InputError } from '../../src/client.ts';
import { freshNamespace } from '../harness/fresh.ts';
import { ledgerOfFile } from '../ledger/harness.ts';

export function clientOfFile() {
  const opened = ledgerOfFile(8);
  let made: { connection: Connection; temporal: Client; client: ReturnType<typeof createClient> } | undefined;
  beforeAll(async () => {
    const connection = await Connection.connect({ address: inject('temporalAddress') });
    const temporal = new Client({ connection, namespace: freshNamespace() });
    made = { connection, temporal, client: createClient({ temporal, ledger: opened().ledger }) };
  });
  afterAll(async () => {
    if (!made) return;
    for await (const { workflowId } of made.temporal.workflow.list({ query: "ExecutionStatus = 'Running'" }))
      await made.temporal.workflow
        .getHandle(workflowId)
        .terminate('end of the test')
        .catch(() => undefined);
    await made.connection.close();
  });
  return () => {
    if (!made) throw new Error('the client is made in beforeAll');
    return { ...opened(), ...made };
  };
}

/** The problems of the InputError with which the work fails. */
export async function problemsOf(work: Promise<unknown>): Promise<readonly string[]> {
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).problems;
}
