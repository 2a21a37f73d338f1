/** Composition root: settings → cxone, ledger → activities → a Temporal worker. `runWorker` returns when it is stopped. */
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import {
  DefaultLogger,
  type LogEntry,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { pino, type Logger } from 'pino';
import { createActivities } from './activities/index.ts';
import { RateLimiter } from './activities/engine/rate-limiter.ts';
import { registerSearchAttributes } from './worker/search-attributes.ts';
import { createWebhook } from './activities/outbox/webhook.ts';
import { type Config, loadConfig } from './config/config.ts';
import { TASK_QUEUE } from './contract/run.ts';
import { createCrashPoints } from './worker/crash-points.ts';
import { createCxone } from './cxone/cxone.ts';
import { isPassing } from './ledger/database.ts';
import { type Ledger, openLedger } from './ledger/ledger.ts';

/** Longer than a page drains (decisions.md 20), shorter than a container's usual grace of 30 s. */
const SHUTDOWN_GRACE = '12s';
const SEAL_EVERY_MS = 500;
const WAIT_FOR_SERVERS_MS = 1_000;

/** Waits for its server and its database, however long they take; ends on SIGTERM or SIGINT, in-flight batches settled. */
export async function runWorker(env: NodeJS.ProcessEnv): Promise<void> {
  const log = pino({
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  });
  installRuntime(log);
  const config = loadConfig(env);
  if (config.databaseUrl === null) throw new Error('no database: set DATABASE_URL, or run `cxflow dev`');
  const draining = drainOnSignal(log);
  const ledger = openLedger(config.databaseUrl, config.maxInFlight + 8, config.pepper?.reveal() ?? null);
  const connection = await waitForServers(config, ledger, env, log, draining);
  if (connection) {
    const sealer = startSealer(ledger, log);
    await runUntilDrained({ config, ledger, connection, draining, log, env });
    await sealer.stop();
    await connection.close();
  } else {
    // Without a worker or a connection to end it, the runtime would keep the process alive.
    await Runtime.instance().shutdown();
  }
  await ledger.close();
}

interface Parts {
  readonly config: Config;
  readonly ledger: Ledger;
  readonly connection: NativeConnection;
  readonly draining: AbortSignal;
  readonly log: Logger;
  readonly env: NodeJS.ProcessEnv;
}

async function runUntilDrained(parts: Parts): Promise<void> {
  const { config, connection, draining, log, env } = parts;
  const { namespace, workflows } = { namespace: config.temporalNamespace, workflows: workflowCode() };
  const searchAttributes = await registerSearchAttributes(
    connection,
    namespace,
    config.searchAttributes,
    (why) => log.warn(why),
  );
  const cxone = createCxone({ families: config.cxone.families });
  const { webhookUrl, marketingWebhookUrl, syncToken, allowLoopback } = config.crm;
  const crash = createCrashPoints(env.CXFLOW_CRASH_AT, (moment, run) => log.info({ moment, run }, 'passing'));
  const ledger = crash?.ledger(parts.ledger) ?? parts.ledger;
  const webhook = (url: string | null) => {
    if (url === null) return null;
    // The token is for the CRM, and for nobody else.
    const post = createWebhook({ url, syncToken: url === webhookUrl ? syncToken : null, allowLoopback });
    return crash?.webhook(post) ?? post;
  };
  const activities = createActivities({
    ledger,
    cxone: crash?.cxone(cxone) ?? cxone,
    rateLimiter: new RateLimiter({ budget: ledger.rateBudget, tenant: config.cxone.tenant, ...config }),
    holder: `${hostname()}:${process.pid}`,
    draining,
    sourceDir: config.sourceDir,
    sourceLimits: config.sourceLimits,
    duplicatesRefused: config.cxone.duplicatesRefused,
    searchAttributes: () => searchAttributes,
    keyLifeMs: config.cxone.idempotencyHours * 3_600_000,
    postWebhook: webhook(webhookUrl),
    postMarketing: webhook(marketingWebhookUrl),
    log: (error, activity) => log.warn({ activity, error: describe(error) }, 'activity failed'),
  });
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: TASK_QUEUE,
    activities: crash?.activities(activities) ?? activities,
    ...workflows,
    shutdownGraceTime: SHUTDOWN_GRACE,
    // A page is mostly waiting; its requests are limited by the rate limiter, not by the number of activities.
    maxConcurrentActivityTaskExecutions: 100,
    maxCachedWorkflows: 300,
    // After a hard kill, tasks of its cached workflows wait for the dead worker this long at most.
    stickyQueueScheduleToStartTimeout: '2s',
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
  });
  const stop = () => worker.shutdown();
  draining.addEventListener('abort', stop);
  if (draining.aborted) stop();
  log.info({ taskQueue: TASK_QUEUE, namespace, searchAttributes }, 'worker is ready');
  await worker.run();
  cxone.close();
}

/** Built: the workflows in one file, as `npm run build` made them. From the sources: bundled now, two seconds. */
function workflowCode() {
  const bundle = fileURLToPath(new URL('./workflow-bundle.js', import.meta.url));
  if (existsSync(bundle)) return { workflowBundle: { codePath: bundle } };
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return { workflowsPath: fileURLToPath(new URL(`./workflows/index.${extension}`, import.meta.url)) };
}

/** Both are often started after us; a worker that gives up would have to be started again by hand. */
async function waitForServers(
  config: Config,
  ledger: Ledger,
  env: NodeJS.ProcessEnv,
  log: Logger,
  draining: AbortSignal,
): Promise<NativeConnection | null> {
  const prepare = async () => {
    await ledger.migrate();
    await ledger.subjects.begin();
  };
  await untilItWorks(prepare, 'the database', log, draining, isPassing);
  const overrides = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { connectionOptions } = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(overrides) });
  const address = connectionOptions.address ?? config.temporalAddress ?? '127.0.0.1:7233';
  const connect = () => NativeConnection.connect({ ...connectionOptions, address });
  return untilItWorks(connect, `Temporal at ${address}`, log, draining, () => true);
}

async function untilItWorks<T>(
  attempt: () => Promise<T>,
  what: string,
  log: Logger,
  draining: AbortSignal,
  passing: (error: unknown) => boolean,
): Promise<T | null> {
  for (let tries = 1; !draining.aborted; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!passing(error)) throw error;
      if (tries % 10 === 1) log.warn({ tries, error: describe(error) }, `waiting for ${what}`);
      await delay(WAIT_FOR_SERVERS_MS);
    }
  }
  return null;
}

/** One process at a time seals; the lock in the ledger sees to that (decisions.md 29). */
function startSealer(ledger: Ledger, log: Logger): { stop(): Promise<void> } {
  let stopped = false;
  const sealing = (async () => {
    while (!stopped) {
      await ledger.audit
        .seal()
        .catch((error: unknown) => log.warn({ error: describe(error) }, 'the audit was not sealed'));
      await delay(SEAL_EVERY_MS);
    }
    await ledger.audit.seal().catch(() => undefined);
  })();
  return {
    async stop() {
      stopped = true;
      await sealing;
    },
  };
}

function drainOnSignal(log: Logger): AbortSignal {
  const draining = new AbortController();
  // Every open page listens, of every run.
  setMaxListeners(0, draining.signal);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'draining: no new batch, those in flight are settled');
      draining.abort();
    });
  }
  return draining.signal;
}

/** Temporal's own lines through our log, and no signal handlers of its own: draining comes first. */
function installRuntime(log: Logger): void {
  const write = ({ level, message, meta }: LogEntry): void => {
    const fields = (meta ?? {}) as Record<string, unknown>;
    const line = log[PINO_LEVELS[level]].bind(log);
    line('error' in fields ? { ...fields, error: describe(fields.error) } : fields, message);
  };
  Runtime.install({
    logger: new DefaultLogger('WARN', write),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
    },
  });
}

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** An allow-list: errors carry requests, rows and tokens (reliability.md M9). */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const { name, stack } = error;
  const code = 'code' in error ? error.code : undefined;
  const frames = stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8);
  return {
    name,
    ...(code !== undefined && { code }),
    message: isOurs(error) ? error.message : undefined,
    frames,
  };
}

/** Messages of ours hold no personal data; those of a database or a parser may quote a row. */
function isOurs(error: Error): boolean {
  return /^(Cxone|Source|RateWait|Lease|ConfigError|TransportError|ServiceError|ActivityFailure|ApplicationFailure)/.test(
    error.name,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runWorker(process.env);
