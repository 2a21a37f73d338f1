/** The composition root: settings, ledger and CXone client → activities → Temporal worker, until a signal stops it. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { type NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { RateLimiter } from './activities/engine/rate-limiter.ts';
import { type ActivityDeps, createActivities, type OperationDefiner } from './activities/index.ts';
import { createWebhook } from './activities/outbox/webhook.ts';
import { type Config, loadConfig } from './config/config.ts';
import { loadTemporal } from './config/temporal.ts';
import { TASK_QUEUE } from './contract/run.ts';
import { type Cxone, createCxone } from './cxone/cxone.ts';
import { type Ledger, openLedger } from './ledger/ledger.ts';
import { type CrashPoints, createCrashPoints } from './worker/crash-points.ts';
import { drainOnSignal } from './worker/drain.ts';
import { watchEndedRuns } from './worker/ended-runs.ts';
import { answerHealthChecks, type Health } from './worker/health.ts';
import { createLog, describeError, type Logger } from './worker/log.ts';
import { createMonitoring, type Monitoring } from './worker/monitoring.ts';
import { installRuntime } from './worker/runtime.ts';
import { startSealer } from './worker/sealer.ts';
import { registerSearchAttributes } from './worker/search-attributes.ts';
import { connectToTemporal, MissingTenant, prepareLedger } from './worker/servers.ts';

/** Longer than a page drains (docs/adr/0014-lost-answers.md#times), shorter than a container's usual grace of 30 s. */
const SHUTDOWN_GRACE = '12s';
/** Database connections beyond one per request in flight: for staging, reports, events and the sealer. */
const SPARE_CONNECTIONS = 8;
const HOUR_MS = 3_600_000;

export interface WorkerOptions {
  /** Where to answer health checks and publish metrics (docs/operations.md); default: nowhere. */
  readonly healthPort?: number | undefined;
  /** For tests that run a worker with operations of their own. A module that exports all workflows; default: those of src/workflows. */
  readonly workflowsPath?: string;
  /** Operations in addition to those of cxflow. */
  readonly operations?: Readonly<Record<string, OperationDefiner>>;
}

/**
 * Runs a worker and returns once it has been stopped by SIGTERM or SIGINT, with the batches in flight settled. Waits for
 * its servers, however long they take to start.
 */
export async function runWorker(env: NodeJS.ProcessEnv, options: WorkerOptions = {}): Promise<void> {
  const config = loadConfig(env);
  const temporal = loadTemporal(env);
  if (config.databaseUrl === null) throw new Error('no database: set DATABASE_URL, or run `cxflow dev`');
  const { tenant } = config.cxone;
  if (tenant === null) throw new MissingTenant();
  const log = createLog();
  const temporalMetrics = await installRuntime(log, { withMetrics: options.healthPort !== undefined });
  const draining = drainOnSignal(log);
  const crashPoints = createCrashPoints(env.CXFLOW_CRASH_AT, (point, run) =>
    log.info({ point, run }, 'crash point'),
  );
  const ledger = openLedger(config.databaseUrl, config.maxInFlight + SPARE_CONNECTIONS, {
    pepper: config.pepper?.reveal(),
    beforeCommit: crashPoints.beforeCommit,
  });
  let connection: NativeConnection | null = null;
  const monitoring =
    temporalMetrics === null ? null : createMonitoring({ ledger, tenant, temporalUrl: temporalMetrics, log });
  const { healthPort } = options;
  const health =
    healthPort === undefined || !monitoring ? null : await answerHealthChecks(healthPort, monitoring.render);
  try {
    const prepared = await prepareLedger(ledger, tenant, { log, draining });
    if (prepared) connection = await connectToTemporal(temporal, { log, draining });
    const { namespace } = temporal;
    const parts = {
      config,
      tenant,
      namespace,
      ledger,
      draining,
      log,
      crashPoints,
      options,
      health,
      monitoring,
    };
    if (connection) await runConnected({ ...parts, connection });
  } finally {
    await health?.close();
    await ledger.close();
    // A worker or a connection shuts the runtime down when it ends. Without them it would keep the process alive.
    if (connection === null) await Runtime.instance().shutdown();
  }
}

interface Parts {
  readonly config: Config;
  readonly tenant: string;
  /** At Temporal. */
  readonly namespace: string;
  readonly ledger: Ledger;
  readonly connection: NativeConnection;
  readonly draining: AbortSignal;
  readonly log: Logger;
  readonly crashPoints: CrashPoints;
  readonly options: WorkerOptions;
  readonly health: Health | null;
  readonly monitoring: Monitoring | null;
}

async function runConnected(parts: Parts): Promise<void> {
  const { config, namespace, ledger, connection, log, monitoring } = parts;
  const sealer = startSealer(ledger, log);
  const endedRuns = watchEndedRuns({
    ledger,
    namespace,
    log,
    temporal: new Client({ connection, namespace }),
  });
  const cxone = createCxone({
    families: config.cxone.families,
    ...(monitoring && { onRequest: monitoring.onRequest }),
  });
  try {
    const searchAttributes = await registerSearchAttributes(
      connection,
      namespace,
      config.searchAttributes,
      (warning) => log.warn(warning),
    );
    const worker = await createWorker(parts, cxone, searchAttributes);
    parts.health?.follow(() => worker.getState());
    log.info({ taskQueue: TASK_QUEUE, namespace, searchAttributes }, 'worker is ready');
    await runUntilDrained(worker, parts.draining);
  } finally {
    cxone.close();
    await endedRuns.stop();
    await sealer.stop();
    await connection.close();
  }
}

async function createWorker(parts: Parts, cxone: Cxone, searchAttributes: boolean): Promise<Worker> {
  const { namespace, connection, options } = parts;
  return Worker.create({
    connection,
    namespace,
    taskQueue: TASK_QUEUE,
    activities: createWorkerActivities(parts, cxone, searchAttributes),
    ...workflowCode(options),
    shutdownGraceTime: SHUTDOWN_GRACE,
    // A page mostly waits. Its requests are limited by the rate limiter, not by the number of activities.
    maxConcurrentActivityTaskExecutions: 100,
    maxCachedWorkflows: 300,
    // After kill -9, the tasks of workflows that the dead worker had cached wait at most this long for it.
    stickyQueueScheduleToStartTimeout: '2s',
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
  });
}

function createWorkerActivities(parts: Parts, cxone: Cxone, searchAttributes: boolean): object {
  const { config, tenant, draining, log, crashPoints, options, monitoring } = parts;
  const { webhookUrl, marketingWebhookUrl, syncToken, signingSecrets, allowLoopback, hosts } = config.crm;
  const watched = crashPoints.ledger(parts.ledger);
  const ledger = monitoring ? monitoring.counting(watched) : watched;
  const webhook = (url: string | null) => {
    if (url === null) return null;
    // Only the CRM may see its token.
    const token = url === webhookUrl ? syncToken : null;
    const options = { url, syncToken: token, signingSecrets, allowLoopback, hosts };
    return crashPoints.webhook(createWebhook(options));
  };
  const deps: ActivityDeps = {
    ledger,
    cxone: crashPoints.cxone(cxone),
    rateLimiter: new RateLimiter({
      budget: ledger.rateBudget,
      tenant,
      ...config,
      onPermit: monitoring?.onPermit,
    }),
    holder: `${hostname()}:${process.pid}`,
    draining,
    sourceDir: config.sourceDir,
    sourceLimits: config.sourceLimits,
    duplicatesRefused: config.cxone.duplicatesRefused,
    searchAttributes: () => searchAttributes,
    preferencesPerBatch: config.preferencesPerBatch,
    preferencesIntervalMs: config.preferencesIntervalMs,
    keyLifeMs: config.cxone.idempotencyHours * HOUR_MS,
    listLoad: {
      itemsPerBatch: config.listItemsPerBatch,
      intervalMs: config.listIntervalMs,
      strictUniqueness: config.cxone.listsStrictUniqueness,
      suppressionsMaxAgeMs: config.suppressionsMaxAgeSeconds * 1_000,
    },
    email: {
      recipientsPerRequest: config.emailRecipientsPerRequest,
      dailyLimit: config.emailDailyLimit,
      timeZone: config.timeZone,
      lookupsMaxAgeMs: config.emailLookupsMaxAgeSeconds * 1_000,
      isIdempotent: config.cxone.emailIdempotent,
      webhookAddresses: config.crm.addresses,
    },
    webhooks: { crm: webhook(webhookUrl), marketing: webhook(marketingWebhookUrl) },
    log: (error, activity) => log.warn({ activity, error: describeError(error) }, 'activity failed'),
  };
  return crashPoints.activities(createActivities(deps, options.operations));
}

/** After `npm run build` the workflows are one bundled file; otherwise the worker bundles them now, in about 2 s. */
function workflowCode({ workflowsPath }: WorkerOptions) {
  if (workflowsPath !== undefined) return { workflowsPath };
  const bundle = fileURLToPath(new URL('./workflow-bundle.js', import.meta.url));
  if (existsSync(bundle)) return { workflowBundle: { codePath: bundle } };
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return { workflowsPath: fileURLToPath(new URL(`./workflows/index.${extension}`, import.meta.url)) };
}

async function runUntilDrained(worker: Worker, draining: AbortSignal): Promise<void> {
  const stop = () => worker.shutdown();
  draining.addEventListener('abort', stop);
  if (draining.aborted) stop();
  await worker.run();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runWorker(process.env);
