/** Temporal: server, clock, namespace, search attributes, and whether a worker asks for work. */
import { setTimeout as delay } from 'node:timers/promises';
import proto from '@temporalio/proto';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Config } from '../../config.ts';
import { SEARCH_ATTRIBUTES, TASK_QUEUE } from '../../contract.ts';
import type { Env } from '../cli.ts';
import { examineSkew, skewOf } from './clocks.ts';
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
  yield* examineClock(connection, namespace);
  if (searchAttributes === 'auto') yield await examineSearchAttributes(connection, namespace);
  yield await examineWorkers(connection, namespace, command);
}

/** A queue of the doctor's own: nobody gives it work, and it vanishes by itself. */
const CLOCK_QUEUE = 'cxflow-doctor';
/** The server refuses to wait less than 2 s for work. */
const CLOCK_POLL_MS = 5_000;
const CLOCK_LOOKS = 20;

/** The server tells no time, but when it was last asked for work: so the doctor asks, and reads what was noted. */
async function* examineClock(connection: Connection, namespace: string): AsyncIterable<Finding> {
  const service = connection.workflowService;
  const [taskQueue, identity] = [{ name: CLOCK_QUEUE }, `cxflow-doctor-${process.pid}`];
  const noted = new AbortController();
  const askedAtMs = Date.now();
  const poll = connection.withAbortSignal(noted.signal, () =>
    connection.withDeadline(askedAtMs + CLOCK_POLL_MS, () =>
      service.pollWorkflowTaskQueue({ namespace, taskQueue, identity }),
    ),
  );
  const ended = poll.catch(() => undefined);
  for (let looks = 0; looks < CLOCK_LOOKS; looks += 1) {
    const { pollers } = await service.describeTaskQueue({ namespace, taskQueue, taskQueueType: 1 });
    const toldAtMs = Date.now();
    const at = pollers?.find((poller) => poller.identity === identity)?.lastAccessTime;
    if (at) {
      const theirsMs = Number(at.seconds ?? 0) * 1_000 + (at.nanos ?? 0) / 1e6;
      yield examineSkew('Temporal', skewOf({ theirsMs, askedAtMs, toldAtMs }));
      break;
    }
    await delay(100);
  }
  noted.abort();
  await ended;
}

const { INDEXED_VALUE_TYPE_KEYWORD: KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;

async function examineSearchAttributes(connection: Connection, namespace: string): Promise<Finding> {
  const name = 'search attributes';
  const run = (verb: string, names: readonly string[]) =>
    names.map((each) => `temporal operator search-attribute ${verb} -n ${namespace} --name ${each}`);
  const create = (names: readonly string[]) =>
    run('create', names)
      .map((command) => `${command} --type Keyword`)
      .join(' && ');
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const types = customAttributes ?? {};
    const missing = SEARCH_ATTRIBUTES.filter((each) => !Object.hasOwn(types, each));
    const strange = SEARCH_ATTRIBUTES.filter((each) => Object.hasOwn(types, each) && types[each] !== KEYWORD);
    if (strange.length > 0) {
      const next = `set CXFLOW_SEARCH_ATTRIBUTES=off, or: ${run('remove', strange).join(' && ')}`;
      return problem(name, `not of type Keyword: ${strange.join(', ')}; runs would block`, next);
    }
    if (missing.length === 0) return ok(name, SEARCH_ATTRIBUTES.join(', '));
    const next = `a worker registers them; where it may not, you do: ${create(missing)}`;
    return warning(name, `missing: ${missing.join(', ')}`, next);
  } catch {
    const next = `runs go without them (CXFLOW_SEARCH_ATTRIBUTES=off says so), or: ${create(SEARCH_ATTRIBUTES)}`;
    return warning(name, 'cannot be listed here', next);
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
