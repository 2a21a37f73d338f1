/** Temporal: server, clock, namespace, search attributes, and whether a worker polls for work. */
import { setTimeout as delay } from 'node:timers/promises';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Config } from '../../config/config.ts';
import type { Env } from '../../config/reader.ts';
import { loadTemporal, type TemporalSettings } from '../../config/temporal.ts';
import { SEARCH_ATTRIBUTES, TASK_QUEUE } from '../../contract/run.ts';
import { examineSkew, measureSkew } from './clocks.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { describeCause, guarded } from './guarded.ts';

const DEADLINE_MS = 5_000;
/** gRPC codes: DEADLINE_EXCEEDED, UNIMPLEMENTED (a web server that is not Temporal), UNAVAILABLE. */
const UNANSWERED: readonly number[] = [4, 12, 14];
/** A worker polls at least once a minute. */
const WORKER_SEEN_WITHIN_MS = 90_000;

/** Throws TemporalSettingsError. */
export async function* examineTemporal(env: Env, config: Config, command: string): AsyncIterable<Finding> {
  const temporal = loadTemporal(env);
  // Without the client's own retries, whose deadline error would hide the cause.
  const connection = Connection.lazy({ ...temporal.connectionOptions, interceptors: [] });
  try {
    yield* examineServer(connection, temporal, config, command);
  } finally {
    await connection.close();
  }
}

const within = <T>(connection: Connection, ask: () => Promise<T>): Promise<T> =>
  connection.withDeadline(Date.now() + DEADLINE_MS, ask);

async function* examineServer(
  connection: Connection,
  { namespace, connectionOptions: { address } }: TemporalSettings,
  { searchAttributes }: Config,
  command: string,
): AsyncIterable<Finding> {
  const service = connection.workflowService;
  try {
    const { serverVersion } = await within(connection, () => service.getSystemInfo({}));
    yield ok('Temporal', `${address}, server ${serverVersion}`);
  } catch (error) {
    yield examineRefusal(address, error, command);
    return;
  }
  try {
    await within(connection, () => service.describeNamespace({ namespace }));
    yield ok('namespace', namespace);
  } catch (error) {
    const next = `temporal operator namespace create -n ${namespace}`;
    yield problem('namespace', `${namespace}: ${describeCause(error)}`, next);
    return;
  }
  yield* examineNamespace(connection, namespace, searchAttributes, command);
}

/** The server does not answer, a certificate is not accepted, or the API key is refused; the cause says which. */
function examineRefusal(address: string, error: unknown, command: string): Finding {
  const isUnanswered = !isGrpcServiceError(error) || UNANSWERED.includes(error.code);
  const what = `${address} ${isUnanswered ? 'does not answer' : 'refuses the connection'} (${describeCause(error)})`;
  const next = isUnanswered
    ? `set TEMPORAL_ADDRESS and TEMPORAL_TLS_*, or run \`${command} dev\` in this folder, in another terminal`
    : 'check TEMPORAL_API_KEY and TEMPORAL_TLS_*, which identify this client to the server';
  return problem('Temporal', what, next);
}

async function* examineNamespace(
  connection: Connection,
  namespace: string,
  searchAttributes: Config['searchAttributes'],
  command: string,
): AsyncIterable<Finding> {
  const next = 'check that this API key or certificate may describe task queues';
  yield* guarded({ name: 'Temporal clock', next, examine: () => examineClock(connection, namespace) });
  if (searchAttributes === 'auto') yield await examineSearchAttributes(connection, namespace);
  yield* guarded({ name: 'workers', next, examine: () => examineWorkers(connection, namespace, command) });
}

/** A task queue without tasks, which only the doctor polls. Temporal removes it some time later. */
const CLOCK_QUEUE = 'cxflow-doctor';
/** The server rejects polls that are shorter than 2 s. */
const CLOCK_POLL_MS = 5_000;
const CLOCK_ATTEMPTS = 20;

/**
 * Temporal has no API for its clock, but it reports when a poller was last seen. So the doctor polls, and reads that time
 * (docs/adr/0008-doctor-asks-for-work.md).
 */
async function* examineClock(connection: Connection, namespace: string): AsyncIterable<Finding> {
  const service = connection.workflowService;
  const [taskQueue, identity] = [{ name: CLOCK_QUEUE }, `cxflow-doctor-${process.pid}`];
  const found = new AbortController();
  const sentAtMs = Date.now();
  const poll = connection.withAbortSignal(found.signal, () =>
    connection.withDeadline(sentAtMs + CLOCK_POLL_MS, () =>
      service.pollWorkflowTaskQueue({ namespace, taskQueue, identity }),
    ),
  );
  const ended = poll.catch(() => undefined);
  try {
    for (let attempt = 0; attempt < CLOCK_ATTEMPTS; attempt += 1) {
      const { pollers } = await within(connection, () =>
        service.describeTaskQueue({ namespace, taskQueue, taskQueueType: 1 }),
      );
      const receivedAtMs = Date.now();
      const at = pollers?.find((poller) => poller.identity === identity)?.lastAccessTime;
      if (at) {
        const theirsMs = Number(at.seconds ?? 0) * 1_000 + (at.nanos ?? 0) / 1e6;
        yield examineSkew('Temporal', measureSkew({ theirsMs, sentAtMs, receivedAtMs }));
        return;
      }
      await delay(100);
    }
  } finally {
    found.abort();
    await ended;
  }
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
    const { customAttributes } = await within(connection, () =>
      connection.operatorService.listSearchAttributes({ namespace }),
    );
    const types = customAttributes ?? {};
    const missing = SEARCH_ATTRIBUTES.filter((each) => !Object.hasOwn(types, each));
    const mistyped = SEARCH_ATTRIBUTES.filter(
      (each) => Object.hasOwn(types, each) && types[each] !== KEYWORD,
    );
    if (mistyped.length > 0) {
      const next = `set CXFLOW_SEARCH_ATTRIBUTES=off, or: ${run('remove', mistyped).join(' && ')}`;
      return problem(name, `not of type Keyword: ${mistyped.join(', ')}; runs would hang`, next);
    }
    if (missing.length === 0) return ok(name, SEARCH_ATTRIBUTES.join(', '));
    const next = `start a worker, which registers them, or run: ${create(missing)}`;
    return warning(name, `missing: ${missing.join(', ')}`, next);
  } catch {
    const next = `set CXFLOW_SEARCH_ATTRIBUTES=off to run without them, or run: ${create(SEARCH_ATTRIBUTES)}`;
    return warning(name, 'cannot be listed on this server', next);
  }
}

async function examineWorkers(connection: Connection, namespace: string, command: string): Promise<Finding> {
  const taskQueue = { name: TASK_QUEUE };
  const { pollers } = await within(connection, () =>
    connection.workflowService.describeTaskQueue({ namespace, taskQueue, taskQueueType: 1 }),
  );
  const seen = (pollers ?? []).filter(({ lastAccessTime }) => {
    return Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < WORKER_SEEN_WITHIN_MS;
  });
  const identities = new Set(seen.map(({ identity }) => identity));
  if (identities.size > 0) return ok('workers', `${identities.size} on task queue ${TASK_QUEUE}`);
  return warning('workers', `none on task queue ${TASK_QUEUE}`, `start a worker: \`${command} worker\``);
}
