/** Temporal: server, namespace, search attributes, and whether a worker asks for work. */
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Config } from '../../config.ts';
import { SEARCH_ATTRIBUTES, TASK_QUEUE } from '../../contract.ts';
import type { Env } from '../cli.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

const CONNECT_TIMEOUT = '5s';
/** A worker asks at least once a minute. */
const WORKER_SEEN_WITHIN_MS = 90_000;

export async function* examineTemporal(env: Env, config: Config, command: string): AsyncIterable<Finding> {
  const overrides = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { connectionOptions } = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(overrides) });
  const address = connectionOptions.address ?? 'localhost:7233';
  let connection: Connection;
  try {
    connection = await Connection.connect({ ...connectionOptions, address, connectTimeout: CONNECT_TIMEOUT });
  } catch {
    const next = `set TEMPORAL_ADDRESS (and TLS), or run \`${command} dev\` in another terminal`;
    yield problem('Temporal', `${address} does not answer`, next);
    return;
  }
  try {
    yield* examineServer(connection, address, config, command);
  } finally {
    await connection.close();
  }
}

async function* examineServer(
  connection: Connection,
  address: string,
  { temporalNamespace: namespace, searchAttributes }: Config,
  command: string,
): AsyncIterable<Finding> {
  const { serverVersion } = await connection.workflowService.getSystemInfo({});
  yield ok('Temporal', `${address}, server ${serverVersion}`);
  try {
    await connection.workflowService.describeNamespace({ namespace });
    yield ok('namespace', namespace);
  } catch (error) {
    const why = isGrpcServiceError(error) ? error.details : 'it cannot be described';
    yield problem('namespace', `${namespace}: ${why}`, `temporal operator namespace create -n ${namespace}`);
    return;
  }
  if (searchAttributes === 'auto') yield await examineSearchAttributes(connection, namespace);
  yield await examineWorkers(connection, namespace, command);
}

async function examineSearchAttributes(connection: Connection, namespace: string): Promise<Finding> {
  const create = (names: readonly string[]) =>
    names
      .map(
        (name) => `temporal operator search-attribute create -n ${namespace} --name ${name} --type Keyword`,
      )
      .join(' && ');
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = SEARCH_ATTRIBUTES.filter((name) => !Object.hasOwn(customAttributes ?? {}, name));
    if (missing.length === 0) return ok('search attributes', SEARCH_ATTRIBUTES.join(', '));
    const next = `a worker registers them; where it may not, you do: ${create(missing)}`;
    return warning('search attributes', `missing: ${missing.join(', ')}`, next);
  } catch {
    const next = `runs go without them (CXFLOW_SEARCH_ATTRIBUTES=off says so), or: ${create(SEARCH_ATTRIBUTES)}`;
    return warning('search attributes', 'cannot be listed here', next);
  }
}

async function examineWorkers(connection: Connection, namespace: string, command: string): Promise<Finding> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: TASK_QUEUE },
    taskQueueType: 1,
  });
  const seen = (pollers ?? []).filter(({ lastAccessTime }) => {
    return Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < WORKER_SEEN_WITHIN_MS;
  });
  const identities = new Set(seen.map(({ identity }) => identity));
  if (identities.size > 0) return ok('workers', `${identities.size} on task queue ${TASK_QUEUE}`);
  return warning('workers', `none on task queue ${TASK_QUEUE}`, `start one: \`${command} worker\``);
}
