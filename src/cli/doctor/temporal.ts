/** Temporal: server, clock, namespace, search attributes, and whether a worker asks for work. */
import { setTimeout as delay } from 'node:timers/promises';
import proto from '@temporalio/proto';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Config } from '../../config/config.ts';
import { SEARCH_ATTRIBUTES } from '../../contract/run.ts';
import { TASK_QUEUE } from '../../contract/run.ts';
import type { Env } from '../cli.ts';
import { examineSkew, skewOf } from './clocks.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { guarded, reasonOf } from './guarded.ts';

const USUAL_ADDRESS = 'localhost:7233';
const DEADLINE_MS = 5_000;
/** Of gRPC: DEADLINE_EXCEEDED, UNIMPLEMENTED (a web server that is none of Temporal's), UNAVAILABLE. */
const UNANSWERED: readonly number[] = [4, 12, 14];
/** A worker asks at least once a minute. */
const WORKER_SEEN_WITHIN_MS = 90_000;

export async function* examineTemporal(env: Env, config: Config, command: string): AsyncIterable<Finding> {
  const options = connectionOptions(env);
  const connection = Connection.lazy(options);
  try {
    yield* examineServer(connection, options.address, config, command);
  } finally {
    await connection.close();
  }
}

/** Errors: a profile that there is none of, a certificate's file that cannot be read. */
function connectionOptions(env: Env) {
  const overrides = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const loaded = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(overrides) });
  const { address = USUAL_ADDRESS, ...rest } = loaded.connectionOptions;
  // Without the client's own retries: they end in a deadline, and the reason is lost.
  return { ...rest, address, interceptors: [] };
}

const within = <T>(connection: Connection, ask: () => Promise<T>): Promise<T> =>
  connection.withDeadline(Date.now() + DEADLINE_MS, ask);

async function* examineServer(
  connection: Connection,
  address: string,
  { temporalNamespace: namespace, searchAttributes }: Config,
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
    yield problem('namespace', `${namespace}: ${reasonOf(error)}`, next);
    return;
  }
  yield* examineNamespace(connection, namespace, searchAttributes, command);
}

/** Nobody there, a certificate that one of the two does not take, or a key that is refused: the reason tells. */
function examineRefusal(address: string, error: unknown, command: string): Finding {
  const isAway = !isGrpcServiceError(error) || UNANSWERED.includes(error.code);
  const what = `${address} ${isAway ? 'does not answer' : 'does not let us in'} (${reasonOf(error)})`;
  const next = isAway
    ? `set TEMPORAL_ADDRESS and TEMPORAL_TLS_*, or run \`${command} dev\` in another terminal`
    : 'check TEMPORAL_API_KEY and TEMPORAL_TLS_*: who we are to the server';
  return problem('Temporal', what, next);
}

async function* examineNamespace(
  connection: Connection,
  namespace: string,
  searchAttributes: Config['searchAttributes'],
  command: string,
): AsyncIterable<Finding> {
  const next = 'look whether the role of this key or certificate may describe task queues';
  yield* guarded({ name: 'Temporal clock', next, look: () => examineClock(connection, namespace) });
  if (searchAttributes === 'auto') yield await examineSearchAttributes(connection, namespace);
  yield* guarded({ name: 'workers', next, look: () => examineWorkers(connection, namespace, command) });
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
  try {
    for (let looks = 0; looks < CLOCK_LOOKS; looks += 1) {
      const { pollers } = await within(connection, () =>
        service.describeTaskQueue({ namespace, taskQueue, taskQueueType: 1 }),
      );
      const toldAtMs = Date.now();
      const at = pollers?.find((poller) => poller.identity === identity)?.lastAccessTime;
      if (at) {
        const theirsMs = Number(at.seconds ?? 0) * 1_000 + (at.nanos ?? 0) / 1e6;
        yield examineSkew('Temporal', skewOf({ theirsMs, askedAtMs, toldAtMs }));
        return;
      }
      await delay(100);
    }
  } finally {
    noted.abort();
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
  const taskQueue = { name: TASK_QUEUE };
  const { pollers } = await within(connection, () =>
    connection.workflowService.describeTaskQueue({ namespace, taskQueue, taskQueueType: 1 }),
  );
  const seen = (pollers ?? []).filter(({ lastAccessTime }) => {
    return Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < WORKER_SEEN_WITHIN_MS;
  });
  const identities = new Set(seen.map(({ identity }) => identity));
  if (identities.size > 0) return ok('workers', `${identities.size} on task queue ${TASK_QUEUE}`);
  return warning('workers', `none on task queue ${TASK_QUEUE}`, `start one: \`${command} worker\``);
}
