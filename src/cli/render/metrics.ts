/** The governance metrics as tables for a terminal of 80 columns. Pure. */
import { formatCount, plural } from '../../domain/numbers.ts';
import type { GovernanceMetrics, LogEntry, Sums } from '../../queries/metrics.ts';
import { formatRate, formatTime, operationName, spaced } from '../terminal/format.ts';
import type { Colors } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { type Column, renderTable, widthOf } from '../terminal/table.ts';
import { formatMs, stateColor } from './run-parts.ts';

interface Page {
  readonly command: string;
  /** Of the terminal; undefined: it is none. */
  readonly width: number | undefined;
}

export function renderMetrics(metrics: GovernanceMetrics, colors: Colors, page: Page): string {
  const { total } = metrics;
  if (total.runs === 0) return explainNothing(metrics, page.command);
  const parts = [renderTitle(metrics), renderRecords(metrics, colors), renderLatencies(metrics, colors)];
  return [...parts, renderLog(metrics, colors, page.width ?? Infinity)].join('\n\n');
}

function explainNothing({ since, operation }: GovernanceMetrics, command: string): string {
  const runs = operation === null ? 'runs' : `${operationName(operation)} runs`;
  if (since !== null) return `no ${runs} since ${formatTime(since)}; without --since, all runs count`;
  return `no ${runs} yet, dry runs aside; \`${command} --help\` lists the commands that start one`;
}

/** `12 runs since 2026-11-01 00:00:00, 1 still running` */
function renderTitle({ total, since, operation }: GovernanceMetrics): string {
  const what = operation === null ? '' : ` of ${operationName(operation)}`;
  const from = since === null ? '' : ` since ${formatTime(since)}`;
  const running = total.running === 0 ? '' : `, ${formatCount(total.running)} still running`;
  return `${plural(total.runs, 'run')}${what}${from}${running}`;
}

const NUMBER = { align: 'right' } as const;

interface Row extends Sums {
  readonly name: string;
}

/** With the total below, where there is more than one operation. */
function listRows({ operations, total }: GovernanceMetrics): readonly Row[] {
  const rows = operations.map((each) => ({ ...each, name: operationName(each.operation) }));
  return rows.length > 1 ? [...rows, { ...total, name: 'total' }] : rows;
}

function renderRecords(metrics: GovernanceMetrics, colors: Colors): string {
  const heads = ['runs', 'failed', 'records', 'success', 'violations', 'compliance'];
  const columns: Column[] = [{ head: 'operation' }, ...heads.map((head) => ({ head, ...NUMBER }))];
  const rows = listRows(metrics).map((row) => [
    renderName(row, colors),
    formatCount(row.runs),
    row.failed > 0 ? colors.red(formatCount(row.failed)) : '0',
    formatCount(row.records),
    formatRate(row.successRatePercent),
    row.violations > 0 ? colors.yellow(formatCount(row.violations)) : '0',
    formatRate(row.complianceRatePercent),
  ]);
  return renderTable(columns, rows);
}

const renderName = ({ name }: Row, colors: Colors): string => (name === 'total' ? colors.bold(name) : name);

const BAR_CELLS = 20;

function renderLatencies(metrics: GovernanceMetrics, colors: Colors): string {
  const all = listRows(metrics);
  const longestMs = Math.max(...all.map(({ p95LatencyMs }) => p95LatencyMs ?? 0));
  const heads = ['requests', 'average', 'p50', 'p95'];
  const columns: Column[] = [
    { head: 'operation' },
    ...heads.map((head) => ({ head, ...NUMBER })),
    { head: '█ p50 ░ p95' },
  ];
  const rows = all.map((row) => [
    renderName(row, colors),
    formatCount(row.requests),
    formatMs(row.averageLatencyMs),
    formatMs(row.p50LatencyMs),
    formatMs(row.p95LatencyMs),
    renderBar(row, longestMs, colors),
  ]);
  return renderTable(columns, rows);
}

function renderBar({ p50LatencyMs, p95LatencyMs }: Row, longestMs: number, colors: Colors): string {
  if (p50LatencyMs === null || p95LatencyMs === null || longestMs === 0) return '';
  const cells = (ms: number) => Math.max(1, Math.round((ms / longestMs) * BAR_CELLS));
  const [typical, slow] = [cells(p50LatencyMs), cells(p95LatencyMs)];
  return colors.cyan('█'.repeat(typical)) + '░'.repeat(slow - typical);
}

const LOG_COLUMNS: readonly Column[] = [
  { head: 'log: started' },
  { head: 'operation' },
  { head: 'outcome' },
  { head: 'records', ...NUMBER },
  { head: 'violations', ...NUMBER },
  { head: 'latency', ...NUMBER },
];

/** One line for each run, or two if the ids of the runs do not fit beside the rest. */
function renderLog({ log, total }: GovernanceMetrics, colors: Colors, width: number): string {
  const rows = log.map((entry) => toCells(entry, colors));
  const ids = log.map(({ runId }) => printable(runId));
  const rest = total.runs - log.length;
  const more = rest > 0 ? [`  … and ${plural(rest, 'earlier run')} (--limit)`] : [];
  const wide = renderTable(
    [...LOG_COLUMNS, { head: 'run' }],
    rows.map((row, i) => [...row, ids[i] ?? '']),
  );
  if (widthOf(wide) <= width) return [wide, ...more].join('\n');
  const [head = '', ...lines] = renderTable(LOG_COLUMNS, rows).split('\n');
  return [head, ...lines.flatMap((line, i) => [line, colors.dim(`    ${ids[i]}`)]), ...more].join('\n');
}

function toCells(entry: LogEntry, colors: Colors): readonly string[] {
  const { startedAt, operation, records, violations, averageLatencyMs } = entry;
  return [
    formatTime(startedAt),
    operationName(operation),
    renderState(entry, colors),
    formatCount(records),
    formatCount(violations),
    formatMs(averageLatencyMs),
  ];
}

function renderState({ state, phase }: LogEntry, colors: Colors): string {
  return state === 'running' ? colors.cyan(spaced(phase)) : stateColor(state, colors)(state);
}
