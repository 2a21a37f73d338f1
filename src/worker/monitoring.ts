/**
 * What Prometheus reads from a worker (docs/operations.md): figures of this process, of the ledger and of Temporal's SDK. Our labels
 * have few values, and none is an id or personal data; those of the SDK name the namespace, the task queue, and types.
 */
import { Context } from '@temporalio/activity';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { OPERATIONS } from '../contract/operations.ts';
import type { RequestFacts } from '../cxone/settings.ts';
import { OUTCOMES, type Outcome } from '../domain/run.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { OpenWork } from '../ledger/open-work.ts';
import { describeError, type Logger } from './log.ts';

export interface Monitoring {
  /** After each request to CXone, those for tokens included. */
  readonly onRequest: (facts: RequestFacts) => void;
  /** After each wait for a permit of the rate budget. */
  readonly onPermit: (waitedMs: number) => void;
  /** The same ledger for the activities; counts the records that they settle. */
  readonly counting: (ledger: Ledger) => Ledger;
  /** In Prometheus's text format. Never rejects: a source that does not answer is missing, and named as such. */
  readonly render: (worker: { readonly isRunning: boolean }) => Promise<Rendered>;
}

export interface Rendered {
  readonly contentType: string;
  readonly text: string;
}

export interface MonitoringOptions {
  readonly ledger: Pick<Ledger, 'openWork' | 'connections'>;
  readonly tenant: string;
  /** Where Temporal's SDK publishes its own. */
  readonly temporalUrl: string;
  readonly log: Pick<Logger, 'warn'>;
  /** For tests. */
  readonly timeoutMs?: number;
}

/** Shorter than Prometheus waits by default (10 s), longer than the ledger takes at most once it has a connection. */
const SOURCE_TIMEOUT_MS = 6_000;
/** Several Prometheus servers may ask, and what is open changes slowly. */
const LEDGER_MAX_AGE_MS = 10_000;

type Source = 'ledger' | 'temporal';

export function createMonitoring(options: MonitoringOptions): Monitoring {
  const { ledger, tenant, temporalUrl, log, timeoutMs = SOURCE_TIMEOUT_MS } = options;
  const registry = new Registry();
  const { workerRunning, sourceUp, ...ofProcess } = createProcessMetrics(registry, () =>
    ledger.connections(),
  );
  const readLedger = atMostEvery(LEDGER_MAX_AGE_MS, () => ledger.openWork(tenant));
  const isUp = new Map<Source, boolean>();
  /** Null: it did not answer in time. Logged once, not with every question. */
  const ask = async <T>(source: Source, reading: Promise<T>): Promise<T | null> => {
    try {
      const answer = await reading;
      isUp.set(source, true);
      return answer;
    } catch (error) {
      if (isUp.get(source) !== false)
        log.warn({ source, error: describeError(error) }, 'metrics of a source are missing');
      isUp.set(source, false);
      return null;
    } finally {
      sourceUp.set({ source }, Number(isUp.get(source)));
    }
  };
  return {
    ...ofProcess,
    async render({ isRunning }) {
      workerRunning.set(Number(isRunning));
      const [open, temporal] = await Promise.all([
        ask('ledger', within(timeoutMs, readLedger())),
        ask('temporal', readText(temporalUrl, timeoutMs)),
      ]);
      const parts = [await registry.metrics(), open && (await renderOpenWork(open)), temporal];
      const text = parts.filter((part) => part !== null).join('\n');
      return { contentType: registry.contentType, text };
    },
  };
}

const REQUEST_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60];
const WAIT_SECONDS = [0.01, 0.1, 0.5, 1, 2.5, 5, 10];
/** Gauges of the library that are named like counters, which promtool rejects. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);

function createProcessMetrics(registry: Registry, connections: Ledger['connections']) {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const requests = new Counter({
    name: 'cxflow_cxone_requests_total',
    help: 'Requests to CXone, by family, method and HTTP status; status "none": no answer arrived.',
    labelNames: ['family', 'method', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'cxflow_cxone_request_duration_seconds',
    help: 'How long CXone took to answer, by family; requests without an answer included.',
    labelNames: ['family'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  const waits = new Histogram({
    name: 'cxflow_rate_budget_wait_seconds',
    help: 'How long requests waited for their permit of the rate budget.',
    buckets: WAIT_SECONDS,
    registers,
  });
  new Gauge({
    name: 'cxflow_database_connections',
    help: 'Connections of this worker to the ledger: busy, idle; "waiting": statements that wait for one.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries<number>({ ...connections() })) this.set({ state }, count);
    },
  });
  return {
    workerRunning: new Gauge({
      name: 'cxflow_worker_running',
      help: '1 while the worker takes tasks; 0 while it waits for its servers or drains.',
      registers,
    }),
    sourceUp: new Gauge({
      name: 'cxflow_source_up',
      help: '1 if the metrics of this source (ledger, temporal) are among these, 0 if it did not answer in time.',
      labelNames: ['source'],
      registers,
    }),
    counting: countRecords(registry),
    onRequest({ family, verb, status, latencyMs }: RequestFacts) {
      requests.inc({ family, method: verb, status: status ?? 'none' });
      durations.observe({ family }, latencyMs / 1_000);
    },
    onPermit: (waitedMs: number) => waits.observe(waitedMs / 1_000),
  };
}

/** Wherever an activity settles records, it does so by one of two methods of the ledger. */
function countRecords(registry: Registry): Monitoring['counting'] {
  const records = new Counter({
    name: 'cxflow_records_total',
    help: 'Records that this worker has settled after they were planned, by operation and outcome.',
    labelNames: ['operation', 'outcome'],
    registers: [registry],
  });
  // From the start, so that the first one counts as an increase.
  for (const { stem } of Object.values(OPERATIONS))
    for (const outcome of OUTCOMES) records.inc({ operation: stem, outcome }, 0);
  const count = (outcome: Outcome, n: number) =>
    records.inc({ operation: stemOf(Context.current().info.workflowType ?? ''), outcome }, n);
  return (ledger) => {
    const { writes, selections } = ledger;
    return {
      ...ledger,
      writes: {
        ...writes,
        async settle(settlement) {
          const isSettled = await writes.settle(settlement);
          if (isSettled) for (const { outcome, seqs } of settlement.groups) count(outcome, seqs.length);
          return isSettled;
        },
      },
      selections: {
        ...selections,
        async settle(settlement) {
          const isSettled = await selections.settle(settlement);
          // An outdated attempt leaves the selection pending.
          if (isSettled && settlement.outcome !== 'outdated') count(settlement.outcome, 1);
          return isSettled;
        },
      },
    };
  };
}

/** A new registry each time, because a series that no longer exists must not stay. */
async function renderOpenWork(open: OpenWork): Promise<string> {
  const registry = new Registry();
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
  const runs = gauge('cxflow_runs', 'Runs that have not ended.', ['operation', 'phase']);
  const longest = gauge(
    'cxflow_longest_in_phase_seconds',
    'How long any of them has been in its phase at most.',
    ['operation', 'phase'],
  );
  for (const { kind, phase, count, longestSeconds } of open.runs) {
    runs.set({ operation: stemOf(kind), phase }, count);
    longest.set({ operation: stemOf(kind), phase }, longestSeconds);
  }
  const failed = gauge('cxflow_failed_runs', 'Runs that failed and were not started again.', ['operation']);
  // From the start, so that the first one is an increase.
  for (const { stem } of Object.values(OPERATIONS)) failed.set({ operation: stem }, 0);
  for (const { kind, count } of open.failed) failed.set({ operation: stemOf(kind) }, count);
  for (const [name, help, value] of [
    ['cxflow_writes_in_doubt', 'Writes about which somebody has to decide.', open.writesInDoubt],
    ['cxflow_undelivered_events', 'Events that a subscriber was sent in vain.', open.undeliveredEvents],
    [
      'cxflow_oldest_undelivered_event_age_seconds',
      'How long the oldest of these events has waited; 0 if there is none.',
      open.oldestUndeliveredEventSeconds,
    ],
    ['cxflow_unsealed_audit_entries', 'Audit entries that are not in the chain.', open.unsealedAuditEntries],
    [
      'cxflow_oldest_unsealed_audit_entry_age_seconds',
      'How long the oldest of these entries has waited; 0 if there is none.',
      open.oldestUnsealedAuditEntrySeconds,
    ],
    ['cxflow_rate_block_seconds', 'For how long a 429 still blocks the tenant.', open.rateBlockSeconds],
  ] as const)
    gauge(name, help).set(value);
  return registry.metrics();
}

/** `contact-import`, as in the commands. */
const stemOf = (kind: string): string => OPERATIONS[kind as keyof typeof OPERATIONS]?.stem ?? 'other';

/** Concurrent calls share one reading, and a later one starts when it is old, whether it failed or not. */
function atMostEvery<T>(maxAgeMs: number, read: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | null = null;
  const forget = () => {
    current = null;
  };
  return () => {
    current ??= read().finally(() => setTimeout(forget, maxAgeMs).unref());
    return current;
  };
}

async function within<T>(timeoutMs: number, reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs).unref();
  });
  return Promise.race([reading, late]).finally(() => clearTimeout(timer));
}

async function readText(url: string, timeoutMs: number): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.text();
}
