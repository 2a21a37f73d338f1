/** The governance metrics as plain data for terminal, report and JSON; docs/metrics.md defines each of them. */
import { addMeasures, type Figures, figuresOf, type Measures, NOTHING_MEASURED } from '../domain/metrics.ts';
import { countSuccesses } from '../domain/run.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { MeasuredRun, MetricsScope, OperationMeasures } from '../ledger/runs/metrics.ts';

/** Of the requests of a run that were answered; null without any. */
export interface Latencies {
  readonly requests: number;
  readonly averageMs: number | null;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** What our own rules found in a run; the rate is null if nothing was checked. */
export interface RuleChecks {
  readonly checked: number;
  readonly violations: number;
  readonly complianceRatePercent: number | null;
}

export interface RunMeasures {
  readonly requests: Latencies;
  readonly rules: RuleChecks;
}

/** Runs added up: counts, milliseconds, and percent with two decimals. */
export interface Sums extends Omit<Measures, 'latencies' | 'latencyMs'>, Figures {
  readonly runs: number;
  readonly running: number;
  readonly failed: number;
  readonly successes: number;
}

export interface OperationSums extends Sums {
  /** Its workflow type. */
  readonly operation: string;
}

/** One run. */
export interface LogEntry extends RuleChecks, Pick<MeasuredRun, 'runId' | 'target' | 'state' | 'phase'> {
  readonly startedAt: Date;
  readonly operation: string;
  readonly records: number;
  readonly requests: number;
  readonly averageLatencyMs: number | null;
}

export interface GovernanceMetrics {
  readonly readAt: Date;
  /** Of runs that were started then or later; null: of all. */
  readonly since: Date | null;
  /** The workflow type of the only operation that was asked for; null: all. */
  readonly operation: string | null;
  readonly total: Sums;
  readonly operations: readonly OperationSums[];
  /** The newest runs first, as many as were asked for. */
  readonly log: readonly LogEntry[];
}

export async function readRunMeasures(
  { metrics }: Pick<Ledger, 'metrics'>,
  runNo: number,
): Promise<RunMeasures> {
  const measures = await metrics.ofRun(runNo);
  const { averageLatencyMs, p50LatencyMs, p95LatencyMs, complianceRatePercent } = figuresOf(measures);
  const { requests, checked, violations } = measures;
  return {
    requests: { requests, averageMs: averageLatencyMs, p50Ms: p50LatencyMs, p95Ms: p95LatencyMs },
    rules: { checked, violations, complianceRatePercent },
  };
}

export async function readMetrics(
  { metrics }: Pick<Ledger, 'metrics'>,
  scope: MetricsScope,
  limit: number,
): Promise<GovernanceMetrics> {
  const operations = await metrics.byOperation(scope);
  return {
    readAt: new Date(),
    since: scope.since,
    operation: scope.kind,
    total: addUp(operations),
    operations: operations.map(({ kind, ...measured }) => ({ operation: kind, ...toSums(measured) })),
    log: (await metrics.log(scope, limit)).map(toLogEntry),
  };
}

/** Of all operations in the scope. */
export async function readTotal({ metrics }: Pick<Ledger, 'metrics'>, scope: MetricsScope): Promise<Sums> {
  return addUp(await metrics.byOperation(scope));
}

function addUp(operations: readonly OperationMeasures[]): Sums {
  const sum = (of: (each: OperationMeasures) => number) =>
    operations.reduce((total, each) => total + of(each), 0);
  return toSums({
    ...operations.reduce<Measures>(addMeasures, NOTHING_MEASURED),
    runs: sum(({ runs }) => runs),
    running: sum(({ running }) => running),
    failed: sum(({ failed }) => failed),
  });
}

function toSums(measured: Omit<OperationMeasures, 'kind'>): Sums {
  const { latencies: _latencies, latencyMs: _latencyMs, ...counted } = measured;
  return { ...counted, successes: countSuccesses(measured.outcomes), ...figuresOf(measured) };
}

function toLogEntry(run: MeasuredRun): LogEntry {
  const { startedAt, kind, runId, target, state, phase, records, checked, violations, requests } = run;
  const { complianceRatePercent, averageLatencyMs } = figuresOf(run);
  return {
    startedAt,
    operation: kind,
    runId,
    target,
    state,
    phase,
    records,
    checked,
    violations,
    complianceRatePercent,
    requests,
    averageLatencyMs,
  };
}
